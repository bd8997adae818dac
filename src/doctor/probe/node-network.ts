/** The host's network by node:dgram, node:net and node:dns: without root, on Linux, macOS and Windows. */
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { connect } from 'node:net';
import type { Bytes } from '../../core/bytes/bytes.ts';
import { type Endpoint, type IpAddress, parseIp } from '../../core/net/address.ts';
import type { ProbeNetwork, TcpFlow, TcpListener, UdpFlow, UdpListener } from './network.ts';

export const nodeNetwork: ProbeNetwork = {
  async lookup(name) {
    const found = await lookup(name, { all: true, verbatim: true });
    return found.flatMap(({ address }) => parseIp(withoutZone(address)) ?? []);
  },

  openUdp,

  openTcp,

  now: () => performance.now(),

  async within(milliseconds, promise) {
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), milliseconds);
    });
    try {
      return await Promise.race([promise, over]);
    } finally {
      clearTimeout(timer);
    }
  },
};

function openUdp(remote: Endpoint, localPort: number, listener: UdpListener): Promise<UdpFlow> {
  const isIpv6 = remote.address.bytes.length === 16;
  // the two families are asked side by side, also from one port
  const socket = createSocket(isIpv6 ? { type: 'udp6', ipv6Only: true } : { type: 'udp4' });
  return new Promise((resolve, reject) => {
    let isRefused = false;
    const refuse = (error: Error) => {
      if (!isRefused) socket.close();
      isRefused = true;
      reject(error);
    };
    socket.on('error', refuse);
    socket.bind({ port: localPort, exclusive: true }, () => {
      socket.connect(remote.port, remote.address.text, (error?: Error) => {
        if (error) return refuse(error);
        socket.off('error', refuse);
        socket.on('error', (failure: NodeJS.ErrnoException) => listener.failed(failure.code ?? 'unknown'));
        socket.on('message', (message) => listener.datagram(new Uint8Array(message)));
        resolve(udpFlow(socket, listener));
      });
    });
  });
}

function udpFlow(socket: ReturnType<typeof createSocket>, listener: UdpListener): UdpFlow {
  let isOpen = true;
  const { address, port } = socket.address();
  return {
    local: { address: addressOf(address), port },
    send(datagram) {
      if (!isOpen) return;
      socket.send(datagram, (error) => {
        if (error) listener.failed((error as NodeJS.ErrnoException).code ?? 'unknown');
      });
    },
    close() {
      if (isOpen) socket.close();
      isOpen = false;
    },
  };
}

function openTcp(remote: Endpoint, listener: TcpListener, signal: AbortSignal): Promise<TcpFlow> {
  const socket = connect({ host: remote.address.text, port: remote.port, noDelay: true });
  signal.addEventListener('abort', () => socket.destroy(), { once: true });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      // what comes after an answer is nobody's
      socket.on('error', () => {});
      socket.on('data', (bytes) => listener.data(new Uint8Array(bytes)));
      socket.once('close', () => listener.closed());
      resolve({
        send: (bytes: Bytes) => void socket.write(bytes),
        close: () => socket.destroy(),
      });
    });
  });
}

function addressOf(text: string): IpAddress {
  const address = parseIp(withoutZone(text));
  if (!address) throw new Error(`no address: ${text}`);
  return address;
}

/** "fe80::1%eth0" */
function withoutZone(text: string): string {
  return text.split('%')[0]!;
}
