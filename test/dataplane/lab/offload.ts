/** Switches a card's checksum offload, as `ethtool -K DEV tx on|off` does, which may not be there. */
import type { Netns } from '../../lab/netns.ts';

const SIOCETHTOOL = 0x8946;
const ETHTOOL_STXCSUM = 0x17;

export async function setTxChecksum(netns: Netns, device: string, on: boolean): Promise<void> {
  const ffi = new URL('../../../src/ffi/', import.meta.url).href;
  const program = `
    const { Block } = await import('${ffi}block.ts');
    const { ioctl, socket } = await import('${ffi}libc.ts');
    const { succeed } = await import('${ffi}errno.ts');
    const request = new Block(64);
    request.bytes.set(Buffer.from('${device}'));
    request.setPointer(16, request.address + 48);
    request.view.setUint32(48, ${ETHTOOL_STXCSUM}, true);
    request.view.setUint32(52, ${on ? 1 : 0}, true);
    succeed(ioctl(socket(2, 2, 0), ${SIOCETHTOOL}, request.address), 'SIOCETHTOOL');`;
  await netns.must([process.execPath, '--input-type=module', '-e', program]);
}
