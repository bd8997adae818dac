# What the guests' scripts share. Sourced inside the VM: . /share/guest.sh

# start_charon: a daemon with ESP in the kernel and /share/swanctl.conf loaded. The short list of plugins starts it in half a second.
start_charon() {
  for module in esp4 xfrm_user authenc gcm seqiv; do modprobe -q $module; done
  cat >/etc/strongswan.conf <<X
charon-systemd {
  load_modular = no
  load = random nonce openssl kdf hmac sha1 sha2 md5 gmp pem pkcs1 pubkey x509 constraints kernel-netlink socket-default vici xauth-generic
  filelog { lab {
    path = /share/charon.log
    default = 1
    ike = 2
    cfg = 2
    flush_line = yes
  } }
  syslog { }
}
swanctl { load = random nonce openssl pem pkcs1 pubkey x509 }
X
  cp /share/swanctl.conf /etc/swanctl/swanctl.conf
  charon-systemd >/share/charon.out 2>&1 </dev/null &
  wait_for 20 swanctl --stats
  swanctl --load-all --noprompt 2>&1 | tail -4
}

# iperf ARGUMENTS...: the sums of iperf3; asked again while the server, which listens anew after each client, is not yet there
iperf() {
  for attempt in $(seq 100); do
    iperf3 "$@" >/tmp/iperf 2>&1 && break
    grep -q refused /tmp/iperf || break
    sleep 0.2
  done
  grep -E 'sender|receiver' /tmp/iperf || { cat /tmp/iperf; return 1; }
}

# wait_for SECONDS COMMAND...: polls until the command succeeds
wait_for() {
  left=$(($1 * 5))
  shift
  while [ $left -gt 0 ]; do
    "$@" >/dev/null 2>&1 && return 0
    sleep 0.2
    left=$((left - 1))
  done
  echo "too slow: $*"
  return 1
}
