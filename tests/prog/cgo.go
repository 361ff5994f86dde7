// SPDX-License-Identifier: BSD-2-Clause

// A Go program linked with libc: goroutines on small stacks, system calls of Go's own.
package main

/*
#include <fcntl.h>
#include <unistd.h>

static long c_read(const char *path, char *to, unsigned long n)
{
	int fd = open(path, O_RDONLY);
	long result = fd < 0 ? -1 : read(fd, to, n);

	close(fd);
	return result;
}
*/
import "C"

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"unsafe"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func files(folder string) {
	var all sync.WaitGroup
	for i := 0; i < 100; i++ {
		all.Add(1)
		go func(name string) {
			defer all.Done()
			check(os.WriteFile(name, make([]byte, 10000), 0644))
			text, err := os.ReadFile(name)
			check(err)
			if len(text) != 10000 {
				panic(name)
			}
			check(os.Remove(name))
		}(fmt.Sprintf("%s/go.%d", folder, i))
	}
	all.Wait()
}

func sockets() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go func() {
		connection, err := listener.Accept()
		check(err)
		connection.Write([]byte("by a socket"))
		connection.Close()
	}()
	connection, err := net.Dial("tcp", listener.Addr().String())
	check(err)
	text, err := io.ReadAll(connection)
	check(err)
	fmt.Println(string(text))
}

func main() {
	folder := os.Args[1]
	name := folder + "/go"
	check(os.WriteFile(name, []byte("by Go\n"), 0644))
	text, err := os.ReadFile(name)
	check(err)
	fmt.Print(string(text))
	to := make([]byte, 100)
	fmt.Println(C.c_read(C.CString(name), (*C.char)(unsafe.Pointer(&to[0])), 100))
	files(folder)
	output, err := exec.Command("cat", name).CombinedOutput()
	fmt.Print(string(output), err, "\n")
	sockets()
}
