#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Radios that are programs: those of mac80211_hwsim, and Bluetooth controllers of btvirt.

load lib
load net

setup() {
	needs=()
	# keys are made of passwords here, and scans take their time
	limit=200
	cd "$T"
}

# wifi SCRIPT: with two stations, a radio each, which are there from the start
wifi() {
	needs+=(iw)
	SERVER_OPTIONS=(-l wifi)
	more_words=,component=wifi
	on_each_kernel network '
		# not where logs of another kernel are
		cd "$(mktemp -d "$T/XXXXXX")"
		host a b
		[ "$(ls /sys/class/ieee80211 | tr "\n" " ")" = "phy0 phy1 " ]
		iw phy phy0 set netns name a
		iw phy phy1 set netns name b
		[ "$(on a ls /sys/class/ieee80211)$(on b ls /sys/class/ieee80211)" = phy0phy1 ]
		address a wlan0 10.0.0.1/24 fd00::1/64
		address b wlan1 10.0.0.2/24 fd00::2/64
		'"$1"
}

@test "wifi: two stations without an access point, then a mesh" {
	wifi '
		become() {
			ip -n $1 link set $2 down
			on $1 iw dev $2 set type $3
			ip -n $1 link set $2 up
		}
		# told where the other one is, neither has to scan
		for end in "a wlan0" "b wlan1"; do
			become $end ibss
			on ${end% *} iw dev ${end#* } ibss join rump 2412 fixed-freq 02:00:00:12:34:56
		done
		soon pings a 10.0.0.2
		transfer a b 10.0.0.2
		transfer b a fd00::1
		on a iw dev wlan0 station dump | grep -q "^Station 02:00:00:00:01:00 "
		for end in "a wlan0" "b wlan1"; do
			on ${end% *} iw dev ${end#* } ibss leave
		done
		! on a ping -c 1 -W 1 10.0.0.2 || false
		for end in "a wlan0" "b wlan1"; do
			become $end mp
			on ${end% *} iw dev ${end#* } mesh join rump-mesh freq 2412
		done
		soon pings a 10.0.0.2
		transfer b a 10.0.0.1
		on a iw dev wlan0 mpath dump | grep -q "^02:00:00:00:01:00 .*wlan0"
	'
}

@test "wifi: hostapd and wpa_supplicant, WPA2; another password; the access point goes" {
	needs=(hostapd wpa_supplicant wpa_cli)
	wifi '
		cat >hostapd.conf <<-END
			interface=wlan0
			driver=nl80211
			ssid=rump
			hw_mode=g
			channel=1
			wpa=2
			wpa_passphrase=correct horse
			wpa_key_mgmt=WPA-PSK
			rsn_pairwise=CCMP
		END
		# supplicant NAME PASSWORD
		supplicant() {
			cat >$1.conf <<-END
				ctrl_interface=control
				network={
					ssid="rump"
					psk="$2"
					scan_freq=2412
				}
			END
			ip netns exec b wpa_supplicant -i wlan1 -D nl80211 -c $1.conf >$1 2>&1 &
			station=$!
		}
		end() {
			kill $1
			wait $1 || :
		}
		ip netns exec a hostapd hostapd.conf >hostapd 2>&1 &
		ap=$!
		soon grep -q AP-ENABLED hostapd || { cat hostapd; false; }
		ip -n b link set wlan1 up
		finds() { on b iw dev wlan1 scan freq 2412 | grep -q "SSID: rump"; }
		soon finds

		supplicant wrong "another horse"
		soon grep -q "CTRL-EVENT-SSID-TEMP-DISABLED.*WRONG_KEY" wrong || { cat wrong hostapd; false; }
		[ -z "$(on b iw dev wlan1 station dump | grep "authorized:.*yes")" ]
		end $station

		supplicant right "correct horse"
		soon grep -q CTRL-EVENT-CONNECTED right || { cat right hostapd; false; }
		on b wpa_cli -p control -i wlan1 status >status 2>&1 || { ls -la control; cat status; tail -3 right; false; }
		grep -qx wpa_state=COMPLETED status
		soon pings a 10.0.0.2
		transfer a b 10.0.0.2
		transfer b a fd00::1
		on b iw dev wlan1 link | grep -q "SSID: rump"
		on a iw dev wlan0 station dump | grep -q "authorized:.*yes"

		end $ap
		soon grep -q CTRL-EVENT-DISCONNECTED right
		end $station
	'
}

# Regulatory rules come from a file of the rump kernel, and are not waited for without one.
@test "wifi: countries, once there is regulatory.db" {
	SERVER_OPTIONS=(-l wifi)
	more_words=,component=wifi
	needs=(iw /lib/firmware/regulatory.db)
	on_each_kernel network '
		iw reg get | grep -q "^country 00:"
		# one that a server kernel kept, else none
		rm -f /rump/lib/firmware/regulatory.db
		! iw reg reload || false
		mkdir -p /rump/lib/firmware
		cp /lib/firmware/regulatory.db /rump/lib/firmware/
		iw reg reload
		iw reg set DE
		is_german() { iw reg get | grep -q "^country DE: DFS-ETSI"; }
		soon is_german
	'
}

# ---- bluetooth ----

# bluetooth SCRIPT: with two controllers, hci0 and hci1 with the addresses $mac0 and $mac1
bluetooth() {
	needs+=(btvirt hciconfig l2ping)
	on_each_kernel network '
		# not where logs of another kernel are
		cd "$(mktemp -d "$T/XXXXXX")"
		ends=()
		ends() {
			kill "${ends[@]}" || :
			wait "${ends[@]}" || :
		}
		trap ends EXIT
		# the driver comes when btvirt opens its device
		btvirt -l2 >btvirt 2>&1 &
		ends+=($!)
		mac_of() { hciconfig $1 | sed -n "s/.*BD Address: \([^ ]*\).*/\1/p"; }
		# they are set up by then
		are_there() {
			hciconfig hci0 up && hciconfig hci0 piscan &&
				hciconfig hci1 up && hciconfig hci1 piscan &&
				[ "$(hciconfig -a | grep -c "UP RUNNING")" = 2 ]
		}
		soon are_there 2>up || { cat btvirt up; hciconfig -a; false; }
		mac0=$(mac_of hci0)
		mac1=$(mac_of hci1)
		[ "$mac0" != "$mac1" ]
		[ "$(ls /sys/class/bluetooth | grep -c "^hci[01]\$")" = 2 ]
		'"$1"
}

# exchange.pl serve l2cap|rfcomm PORT HOST SIZE FILE, exchange.pl send KIND PORT HOST PEER FILE:
# the server answers with the size of what it got
exchange() {
	cat <<-'END'
		use strict;
		my ($what, $kind, $port, $host, $peer, $path) = @ARGV;
		sub address {
			my $bytes = pack "C6", reverse map hex, split /:/, $_[0];
			return $kind eq "l2cap" ? pack "S S a6 S C", 31, $_[1], $bytes, 0, 0
				: pack "S a6 C x", 31, $bytes, $_[1];
		}
		my ($type, $protocol) = $kind eq "l2cap" ? (5, 0) : (1, 3);
		socket(my $s, 31, $type, $protocol) or die "socket: $!";
		if ($what eq "serve") {
			bind($s, address($host, $port)) or die "bind: $!";
			listen($s, 1) or die "listen: $!";
			print STDERR "ready\n";
			my $from = accept(my $c, $s) or die "accept: $!";
			print unpack("H*", substr $from, $kind eq "l2cap" ? 4 : 2, 6), "\n";
			open my $file, ">", $path or die "$path: $!";
			my $left = $peer;
			while ($left > 0) {
				my $n = sysread($c, my $data, 4096) or die "read: $!";
				print $file $data;
				$left -= $n;
			}
			close $file;
			syswrite($c, $peer) or die "write: $!";
			sysread($c, my $end, 1);
		} else {
			bind($s, address($host, 0)) or die "bind: $!";
			connect($s, address($peer, $port)) or die "connect: $!";
			open my $file, "<", $path or die "$path: $!";
			while (my $n = sysread $file, my $data, 500) {
				my $done = 0;
				$done += syswrite($s, $data, $n - $done, $done) || die "write: $!"
					while $done < $n;
			}
			sysread($s, my $size, 20) or die "read: $!";
			print "$size\n";
		}
	END
}

@test "bluetooth: two controllers of btvirt, echoes, L2CAP and RFCOMM with data" {
	needs=(hcitool perl)
	exchange >exchange.pl
	bluetooth '
		hcitool -i hci0 scan --flush --length=1 >scan
		grep -q "$mac1" scan
		l2ping -i hci0 -c 3 "$mac1" >l2ping || { cat l2ping; false; }
		grep -q "3 sent, 3 received" l2ping
		head -c 50000 /dev/urandom >sent
		for kind in "l2cap 4097" "rfcomm 5"; do
			rm -f got log
			perl "$T/exchange.pl" serve $kind "$mac1" 50000 got >served 2>log &
			ends+=($!)
			soon grep -q ready log
			[ "$(perl "$T/exchange.pl" send $kind "$mac0" "$mac1" sent)" = 50000 ]
			wait "${ends[-1]}"
			unset "ends[-1]"
			cmp sent got
			# who called, lowest byte first
			[ "$(cat served)" = "$(tr -d : <<<"$mac0" | sed "s/\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)/\6\5\4\3\2\1/" |
				tr A-F a-f)" ]
		done
	'
}

# bnep.pl listen HOST: an interface for who calls; bnep.pl call HOST PEER.  It prints its name
# and stays until it is ended.
bnep() {
	cat <<-'END'
		use strict;
		my ($what, $host, $peer) = @ARGV;
		sub address {
			return pack "S S a6 S C", 31, $_[1], pack("C6", reverse map hex, split /:/, $_[0]), 0, 0;
		}
		socket(my $s, 31, 5, 0) or die "socket: $!";
		# L2CAP_OPTIONS: Ethernet's frames have to fit
		setsockopt($s, 6, 1, pack "S3 C3 x S", 1691, 1691, 0xffff, 0, 0, 3, 63) or die "setsockopt: $!";
		if ($what eq "listen") {
			bind($s, address($host, 15)) or die "bind: $!";
			listen($s, 1) or die "listen: $!";
			print STDERR "ready\n";
			accept(my $c, $s) or die "accept: $!";
			$s = $c;
		} else {
			bind($s, address($host, 0)) or die "bind: $!";
			connect($s, address($peer, 15)) or die "connect: $!";
		}
		# BNEPCONNADD; the access point's role, a member's
		socket(my $control, 31, 3, 4) or die "socket: $!";
		my $request = pack "i I S a16 x2", fileno $s, 0, $what eq "listen" ? 0x1116 : 0x1115, "bnep%d";
		ioctl($control, 0x400442c8, $request) or die "BNEPCONNADD: $!";
		$| = 1;
		print unpack("x10 Z16", $request), "\n";
		close $s;
		sleep 1000;
	END
}

@test "bluetooth: IP over BNEP" {
	needs=(perl)
	bnep >bnep.pl
	bluetooth '
		host a b
		perl "$T/bnep.pl" listen "$mac0" >point 2>log &
		ends+=($!)
		soon grep -q ready log
		perl "$T/bnep.pl" call "$mac1" "$mac0" >member 2>&1 &
		ends+=($!)
		soon grep bnep point
		soon grep bnep member
		ip link set "$(cat point)" netns a name p0
		ip link set "$(cat member)" netns b name m0
		address a p0 10.0.0.1/24 fd00::1/64
		address b m0 10.0.0.2/24 fd00::2/64
		ip -n a link set p0 up
		ip -n b link set m0 up
		soon pings a 10.0.0.2
		transfer a b 10.0.0.2
		transfer b a fd00::1
	'
}
