# A LAC that makes one call for each of its users in one tunnel: control messages by hand, data by the kernel, PPP by pppd.
# xl2tpd can't: told to make a second call, 1.3.18 reads the entry of its configuration that the call doesn't have, and dies.
#   perl lac.pl GATEWAY OPTIONS...    files of pppd's options, one a call
use strict;
use warnings;
use Socket;
$^F = 255;    # pppd inherits its socket

my ($gateway, @options) = @ARGV;
my ($our_tunnel, $their_tunnel, $ns, $nr) = (4711, 0, 0, 0);
my $peer = pack_sockaddr_in(1701, inet_aton($gateway));
socket(my $udp, AF_INET, SOCK_DGRAM, 0) or die "socket: $!";
bind($udp, pack_sockaddr_in(1701, INADDR_ANY)) or die "bind: $!";
connect($udp, $peer) or die "connect: $!";

# RFC 2661 section 4.1 and 3.1; every AVP here is mandatory
sub avp { my ($type, $value) = @_; return pack('n3 a*', 0x8000 | 6 + length $value, 0, $type, $value) }
sub transmit { my ($session, $number, $body) = @_;
  send($udp, pack('n6', 0xc802, 12 + length $body, $their_tunnel, $session, $number, $nr) . $body, 0) }
my @last;
sub control { my ($session, $type, @avps) = @_;
  @last = ($session, $ns++, join '', avp(0, pack 'n', $type), @avps);
  transmit(@last) }

# The next message of that type, which answers what was said last, or of any: its AVPs by number.
sub hear {
  my ($wanted) = @_;
  for (;;) {
    vec(my $readable = '', fileno $udp, 1) = 1;
    if (defined $wanted && !select($readable, undef, undef, 3)) { transmit(@last); next }
    defined recv($udp, my $message, 2048, 0) or next;
    my (undef, undef, undef, undef, $number) = unpack 'n6', $message;
    next if length $message == 12;
    my $is_next = $number == $nr;
    $nr = ($nr + 1) & 0xffff if $is_next;
    my %avps;
    for (my $at = 12; $at < length $message; ) {
      my ($length, undef, $type) = unpack 'n3', substr $message, $at;
      $length &= 0x3ff;
      $avps{$type} = substr $message, $at + 6, $length - 6;
      $at += $length;
    }
    return \%avps if $is_next && defined $wanted && unpack('n', $avps{0}) == $wanted;
    transmit(0, $ns, '');
    return \%avps if $is_next && !defined $wanted;
  }
}

sub kernel_socket {
  my ($ours, $theirs) = @_;
  socket(my $socket, 24, SOCK_DGRAM, 1) or die "PPPoL2TP: $!";
  my $address = pack('S I i i a16 S4', 24, 1, 0, fileno $udp, $peer, $our_tunnel, $ours, $their_tunnel, $theirs);
  connect($socket, $address) or die "PPPoL2TP, session $ours: $!";
  return $socket;
}

control(0, 1, avp(2, pack 'n', 0x0100), avp(3, pack 'N', 3), avp(7, 'lac'), avp(9, pack 'n', $our_tunnel));
$their_tunnel = unpack 'n', hear(2)->{9};
control(0, 3);
my @sockets = kernel_socket(0, 0);
for my $i (1 .. @options) {
  control(0, 10, avp(14, pack 'n', $i), avp(15, pack 'N', $i));
  my $session = unpack 'n', hear(11)->{14};
  push @sockets, my $socket = kernel_socket($i, $session);
  control($session, 12, avp(24, pack 'N', 1_000_000), avp(19, pack 'N', 1));
  next if fork;
  exec 'pppd', 'plugin', 'pppol2tp.so', 'pppol2tp', fileno $socket, 'passive', 'nodetach', 'unit', $i - 1, 'file', $options[$i - 1];
}
$SIG{TERM} = sub { control(0, 4, avp(9, pack 'n', $our_tunnel), avp(1, pack 'n', 6)); exit };
# acknowledges what comes, until the gateway ends the tunnel
for (;;) { last if unpack('n', hear()->{0}) == 4 }
