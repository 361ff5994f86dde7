#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# net_perl.pl CASE ADDRESS: both ends of what perl's library does with a network, on the loopback
# address.  It prints what arrived, the same in each run, and dies of what is wrong.
# Nothing here knows of rump kernels.
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use HTTP::Tiny;
use IO::Select;
use IO::Socket::IP;
use POSIX qw(:sys_wait_h);
use Socket qw(:all);

my ($name, $address) = @ARGV;
my $data = join '', map { chr($_ % 251) } 0 .. 299_999;
my $host = $address =~ /:/ ? "[$address]" : $address;
$| = 1;
alarm 50;

sub listener {
	return IO::Socket::IP->new(LocalHost => $address, LocalPort => 0, Listen => 64, ReuseAddr => 1,
		Type => SOCK_STREAM) // die "listen: $@";
}

sub connected {
	my $port = shift;
	return IO::Socket::IP->new(PeerHost => $address, PeerPort => $port, Type => SOCK_STREAM)
		// die "connect: $@";
}

# A child for each connection, as servers of old are; it ends at the word "quit".
sub fork_server {
	my ($server, $serve) = @_;
	my $pid = fork // die "fork: $!";
	return $pid if $pid;
	local $SIG{CHLD} = sub { 1 while waitpid(-1, WNOHANG) > 0 };
	for (;;) {
		my $peer = $server->accept or next;
		my $child = fork // die "fork: $!";
		next if $child;
		$SIG{CHLD} = 'DEFAULT';
		close $server;
		$serve->($peer);
		close $peer;
		POSIX::_exit(0);
	}
}

my %cases = (
	fork_server => sub {
		my $server = listener();
		my $pid = fork_server($server, sub {
			my $peer = shift;
			while (my $line = <$peer>) {
				print $peer scalar reverse(substr $line, 0, -1), "\n";
			}
		});
		for my $n (1 .. 20) {
			my $client = connected($server->sockport);
			print $client "line $n of a client\n";
			print scalar <$client>;
		}
		my @clients = map { connected($server->sockport) } 1 .. 10;
		print $_ "together\n" for @clients;
		print scalar readline $_ for @clients;
		kill TERM => $pid;
		waitpid $pid, 0;
		print "server: $?\n";
	},
	select => sub {
		my $server = listener();
		my $select = IO::Select->new($server);
		my $pid = fork // die;
		if (!$pid) {
			my @clients = map { connected($server->sockport) } 1 .. 20;
			print $_ $data for @clients;
			shutdown $_, 1 for @clients;
			for (@clients) {
				my $answer = <$_>;
				POSIX::_exit(1) if $answer ne sha256_hex($data) . "\n";
			}
			POSIX::_exit(0);
		}
		my (%got, $done);
		while (($done // 0) < 20) {
			my @ready = $select->can_read(20) or die "nothing became ready";
			for my $fh (@ready) {
				if ($fh == $server) {
					$select->add(scalar $server->accept);
				} elsif (!sysread $fh, $got{$fh}, 10000, length($got{$fh} // '')) {
					print $fh sha256_hex($got{$fh}), "\n";
					$select->remove($fh);
					close $fh;
					delete $got{$fh};
					$done++;
				}
			}
		}
		waitpid $pid, 0;
		print "20 clients: $?\n";
	},
	http => sub {
		my $server = listener();
		my $pid = fork_server($server, sub {
			my $peer = shift;
			while (my $request = <$peer>) {
				my $length = 0;
				while ((my $header = <$peer>) =~ /\S/) {
					$length = $1 if $header =~ /^content-length:\s*(\d+)/i;
				}
				read $peer, my $body, $length;
				my $answer = $request =~ m{ /big } ? $data : "$request" . sha256_hex($body);
				print $peer "HTTP/1.1 200 OK\r\nContent-Length: ", length $answer, "\r\n\r\n", $answer;
			}
		});
		my $http = HTTP::Tiny->new(timeout => 20);
		my $url = "http://$host:" . $server->sockport;
		for my $n (1 .. 5) {
			my $answer = $http->post("$url/post$n", {content => substr $data, 0, $n * 1000});
			print "$answer->{status} $answer->{content}\n";
		}
		my $answer = $http->get("$url/big");
		print "$answer->{status} ", $answer->{content} eq $data ? "right" : "wrong", "\n";
		kill TERM => $pid;
		waitpid $pid, 0;
	},
	datagrams => sub {
		my $server = IO::Socket::IP->new(LocalHost => $address, LocalPort => 0, Type => SOCK_DGRAM) // die $@;
		my $client = IO::Socket::IP->new(PeerHost => $address, PeerPort => $server->sockport,
			Type => SOCK_DGRAM) // die $@;
		for my $size (1, 1000, 60000) {
			$client->send(substr $data, 0, $size);
			$server->recv(my $got, 70000);
			$server->send(scalar reverse $got);
			$client->recv($got, 70000);
			print "datagram $size ", $got eq reverse(substr $data, 0, $size) ? "right" : "wrong", "\n";
		}
		printf "%s %d\n", $client->peerhost, unpack 'i', getsockopt $client, SOL_SOCKET, SO_TYPE;
	},
);

$cases{$name}->();
