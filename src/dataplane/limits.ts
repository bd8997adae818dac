/** Every bound of the dataplane, by name. */

export const MAX_SESSIONS = 16_384;
/** Both directions together. */
export const MAX_SAS = 131_072;
/** SAs of one session and direction: rekeys overlap, and a peer may ask for several selectors. */
export const MAX_SAS_PER_SESSION = 64;
/** Sessions whose inner prefix is not a single address; they are searched one by one. */
export const MAX_PREFIX_SESSIONS = 256;
export const MAX_SOCKETS = 64;
/** Addresses that the main thread remembers from the worker's reports. */
export const MAX_ADDRESSES = 4096;

/** Bytes of each ring; a power of two. */
export const DOWN_RING_BYTES = 1 << 20;
export const UP_RING_BYTES = 1 << 21;
/** IKE datagrams leave this much of the ring up to the events, which must not be lost. */
export const UP_RING_RESERVE = 1 << 18;
/** The largest IKE message that goes through a ring. */
export const MAX_IKE_MESSAGE = 65_507;
/** The largest inner packet that the main thread sends: IPv4's own limit. */
export const MAX_INNER = 65_535;
/** How long the main thread waits for room in the ring down before it gives the worker up, milliseconds. */
export const DOWN_RING_PATIENCE = 2000;

/** UDP GSO: the kernel's limit of segments, and of bytes with some air for headers. */
export const MAX_GSO_SEGMENTS = 64;
export const MAX_GSO_BYTES = 65_000;

/** Packets that one inner TSO frame may be made of: an iovec each. */
export const MAX_COALESCED = 64;

export const MAX_UNKNOWN_SPI_EVENTS_PER_SECOND = 10;

/** L2TP and PPP control of one session; a login takes some thirty messages. */
export const MAX_L2TP_MESSAGES_PER_SECOND = 100;

/** Ask for a rekey here, and send nothing more when the numbers are used up (RFC 4303 section 3.3.3). */
export const SEQUENCE_REKEY = 2 ** 31;
export const SEQUENCE_END = 2 ** 32 - 1;

export const DEFAULT_PATH_MTU = 1500;
/** Below these a report of the path's MTU isn't believed: RFC 791, RFC 8200. */
export const MIN_PATH_MTU_V4 = 576;
export const MIN_PATH_MTU_V6 = 1280;

/**
 * Fits a path of 1500 under any suite in UDP and natively: 1500 - 40 (IPv6) - 8 (UDP) - 8 (ESP) - 16 (IV) - 32 (SHA2-512 ICV)
 * leaves 1396; whole blocks of 16 and the trailer's two bytes leave 1390. In cTCP with GCM, and over IPv4 with any suite but
 * the last; what doesn't fit is told to TCP by its MSS.
 */
export const DEFAULT_TUN_MTU = 1390;

/** cTCP flows in all; of them those that proved nothing yet by an authentic packet, and of these those of one address. */
export const MAX_FLOWS = 16_384;
export const MAX_NEWCOMERS = 4096;
export const MAX_NEWCOMERS_PER_ADDRESS = 256;
/** Flows that we have begun. */
export const MAX_OWN_FLOWS = 16;
/** Ports on which they are accepted: as many as Cisco's gateways take. */
export const MAX_FLOW_PORTS = 10;
/** Bytes of packets whose end hasn't come, of all flows. */
export const MAX_HELD_BYTES = 1 << 24;
/** Segments that belong to no flow and are told so. */
export const MAX_RESETS_PER_SECOND = 100;
/** Silence after which a flow is over, milliseconds: DPD breaks it sooner. For a newcomer: as long as a login may take. */
export const FLOW_IDLE = 600_000;
export const FLOW_NEWCOMER_IDLE = 150_000;
/** SYNs until the other side counts as not there, and milliseconds after the first one; then twice that, and so on. */
export const SYN_ATTEMPTS = 4;
export const SYN_INTERVAL = 1000;

/** The loop wakes at least this often, milliseconds: for its timers, and so that a process that exits isn't held up. */
export const TICK = 1000;
/** RFC 3948 section 4. */
export const KEEPALIVE_INTERVAL = 20_000;
