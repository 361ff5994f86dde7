// SPDX-License-Identifier: BSD-2-Clause

// HTTP between goroutines: Go's poller and its system calls on stacks of a few KiB.
package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
)

func main() {
	data := bytes.Repeat([]byte("0123456789abcdef"), 20000)
	for _, address := range os.Args[1:] {
		listener, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
		if err != nil {
			panic(err)
		}
		go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(w, r.Body)
		}))
		var wait sync.WaitGroup
		for n := 0; n < 50; n++ {
			wait.Add(1)
			go func() {
				defer wait.Done()
				answer, err := http.Post("http://"+listener.Addr().String(), "x", bytes.NewReader(data))
				if err != nil {
					panic(err)
				}
				got, err := io.ReadAll(answer.Body)
				if err != nil || !bytes.Equal(got, data) {
					panic(fmt.Sprint(len(got), err))
				}
				answer.Body.Close()
			}()
		}
		wait.Wait()
		fmt.Println("50 posts", address)
	}
}
