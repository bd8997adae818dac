/**
 * Offsets and sizes of the C structures that cross the border, 64-bit little-endian Linux (x64, arm64; glibc and musl
 * agree on all of these). Numbers that the network sees are big-endian inside them.
 */

export const Sockaddr = {
  family: 0,
  port: 2,
  v4Address: 4,
  v4Size: 16,
  v6Address: 8,
  v6Scope: 24,
  v6Size: 28,
} as const;

/** struct sockaddr_ll, of an AF_PACKET socket. */
export const SockaddrLl = { packetType: 10, size: 20 } as const;

export const Iovec = { base: 0, length: 8, size: 16 } as const;

/** struct mmsghdr: a msghdr and the length of what was received or sent. */
export const Mmsghdr = {
  name: 0,
  nameLength: 8,
  iovecs: 16,
  iovecCount: 24,
  control: 32,
  controlLength: 40,
  flags: 48,
  transferred: 56,
  size: 64,
} as const;

/** struct cmsghdr; the next one starts at the length rounded up to 8. */
export const Cmsghdr = { length: 0, level: 8, type: 12, data: 16 } as const;

/** struct in_pktinfo: `local` is where it came to, and where an answer leaves from. */
export const InPktinfo = { interface: 0, local: 4, destination: 8, size: 12 } as const;

export const In6Pktinfo = { address: 0, interface: 16, size: 20 } as const;

/** struct sock_filter, an instruction of classic BPF, and struct sock_fprog, a program. */
export const SockFilter = { code: 0, jt: 2, jf: 3, k: 4, size: 8 } as const;
export const SockFprog = { length: 0, filter: 8, size: 16 } as const;

export const Pollfd = { fd: 0, events: 4, revents: 6, size: 8 } as const;

/** struct virtio_net_hdr in front of every frame of a TUN with IFF_VNET_HDR; its numbers are little-endian here. */
export const VnetHdr = {
  flags: 0,
  gsoType: 1,
  headerLength: 2,
  gsoSize: 4,
  checksumStart: 6,
  checksumOffset: 8,
  size: 10,
} as const;

export const VNET_NEEDS_CSUM = 1;
export const VNET_GSO_NONE = 0;
export const VNET_GSO_TCPV4 = 1;
/** Set beside the type when the TCP segment carries CWR. */
export const VNET_GSO_ECN = 0x80;

/** struct ifreq: the name, then a union of addresses, flags and numbers. */
export const Ifreq = { name: 0, nameSize: 16, value: 16, size: 40 } as const;

export const In6Ifreq = { address: 0, prefixLength: 16, interface: 20, size: 24 } as const;

export const Rtentry = { destination: 8, gateway: 24, mask: 40, flags: 56, device: 88, size: 120 } as const;

export const In6Rtmsg = { destination: 0, prefixLength: 52, metric: 56, flags: 72, interface: 76, size: 80 } as const;

/** OSSL_PARAM, an array of which ends with a zero key. */
export const OsslParam = { key: 0, type: 8, data: 16, dataSize: 24, returnSize: 32, size: 40 } as const;
