/** All counters of the dataplane, in one table. They lie in shared memory, so that reading doesn't disturb the worker. */

export const COUNTER_NAMES = [
  'ike_in',
  'ike_out',
  'keepalive_in',
  'keepalive_out',
  'esp_in',
  'esp_out',
  'tun_frames_in',
  'tun_frames_out',
  'receive_calls',
  'send_calls',
  'path_changes',
  /** cTCP: SYNs answered, flows that came to be, flows that ended, times that something was lost on the way to us. */
  'flow_syns',
  'flows_opened',
  'flows_closed',
  'flow_gaps',
  'icmp_too_big_sent',
  /** Inner packets that were told of congestion on the way. */
  'congestion_marks',
  /** Sockets whose card can't checksum, for which UDP GSO was turned off. */
  'gso_off',
  /** IKE datagrams and L2TP messages that found the ring to the main thread full. */
  'drop_ike_ring_full',
  'drop_ike_send',
  /** Larger than the receive buffer. */
  'drop_truncated',
  /** Too short for ESP, or not whole blocks. */
  'drop_malformed',
  'drop_unknown_spi',
  'drop_replay',
  'drop_authentication',
  'drop_padding',
  'drop_next_header',
  /** Next header 59: traffic flow confidentiality's dummy packets. */
  'drop_dummy',
  'drop_inner_ipv6',
  /** Transport mode: no UDP, L2TP or PPP, or one whose lengths disagree. */
  'drop_l2tp_malformed',
  /** UDP to another port than 1701. */
  'drop_l2tp_port',
  /** A tunnel or session that is not this client's. */
  'drop_l2tp_session',
  /** More control messages from one client than it could mean. */
  'drop_l2tp_rate',
  'drop_inner_header',
  'drop_inner_source',
  'drop_inner_destination',
  /** Marked as congestion on the way, for a flow that knows losses only. */
  'drop_congestion',
  'drop_client_to_client',
  'drop_ttl',
  'drop_tun_write',
  /** A frame from the TUN that isn't IPv4, or whose lengths disagree. */
  'drop_tun_frame',
  'drop_no_session',
  'drop_no_sa',
  /** Cisco UDP: the peer has not shown its port yet. */
  'drop_no_peer_port',
  'drop_too_big',
  'drop_sequence_end',
  /** cTCP: no header, or a packet that isn't what its trailer says. */
  'drop_tcp_malformed',
  /** Outside of the flow's window, or a guess. */
  'drop_tcp_window',
  /** Of no flow. */
  'drop_tcp_stray',
  /** The end of a packet didn't come, or too late. */
  'drop_tcp_incomplete',
  'drop_flows_full',
  /** On the way out: the flow is over, or the other side's window is full. */
  'drop_no_flow',
  'drop_flow_window',
  'drop_crypto',
  'drop_send',
] as const;

export type CounterName = (typeof COUNTER_NAMES)[number];

/** Index of each counter. 0 is none, so that a negated index can say why a packet was refused. */
export const Counter = Object.fromEntries(COUNTER_NAMES.map((name, i) => [name, i + 1])) as Readonly<
  Record<CounterName, number>
>;

export const COUNTER_COUNT = COUNTER_NAMES.length + 1;

/** Per session, as doubles: exact to 2^53, and written whole by 64-bit machines. */
export const SessionCounter = {
  /** Which opening of the slot the numbers belong to. */
  generation: 0,
  packetsIn: 1,
  bytesIn: 2,
  packetsOut: 3,
  bytesOut: 4,
  lastInbound: 5,
  count: 6,
} as const;
