/** What an ESP packet carries, in a word, if it is L2TP and a key opens it: for a timeline of L2TP and PPP. */
import type { Bytes } from '../bytes/bytes.ts';
import { MalformedError } from '../bytes/reader.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { openEsp } from '../esp/open.ts';
import type { EspContext } from '../esp/packet.ts';
import { ReplayWindow } from '../esp/replay.ts';
import { IpProtocol } from '../wire/ip.ts';
import { L2TP_PORT, parseL2tp } from '../wire/l2tp.ts';
import { ChapCode, Code, PapCode, PppProtocol, parseControlPacket, parsePppFrame } from '../wire/ppp.ts';
import { parseUdp } from '../wire/udp.ts';
import { l2tpWord } from './l2tp-word.ts';

/** "SCCRQ", "LCP configure-request", "CHAP failure", "IPv4"; undefined: it doesn't open, or is no L2TP. */
export function wordInside(crypto: CryptoProvider, context: EspContext, packet: Bytes): string | undefined {
  // a window of its own for each: what came before is no matter here
  const opened = openEsp(crypto, context, new ReplayWindow(), packet);
  if (!opened.ok || opened.nextHeader !== IpProtocol.UDP) return undefined;
  try {
    const { source, destination, payload } = parseUdp(opened.payload);
    if (source !== L2TP_PORT && destination !== L2TP_PORT) return undefined;
    const message = parseL2tp(payload);
    return message.kind === 'control' ? l2tpWord(payload) : pppWord(message.payload);
  } catch (error) {
    if (error instanceof MalformedError) return undefined;
    throw error;
  }
}

const PAP = named(PapCode);
const CHAP = named(ChapCode);
const CODES = named(Code);

/** Those whose messages are told apart. */
const PROTOCOLS: Readonly<Record<number, readonly [name: string, codes: ReadonlyMap<number, string>]>> = {
  [PppProtocol.LCP]: ['LCP', CODES],
  [PppProtocol.IPCP]: ['IPCP', CODES],
  [PppProtocol.IPV6CP]: ['IPV6CP', CODES],
  [PppProtocol.CCP]: ['CCP', CODES],
  [PppProtocol.PAP]: ['PAP', PAP],
  [PppProtocol.CHAP]: ['CHAP', CHAP],
};

function pppWord(frame: Bytes): string {
  const { protocol, information } = parsePppFrame(frame);
  if (protocol === PppProtocol.IPV4) return 'IPv4';
  const known = PROTOCOLS[protocol];
  if (!known) return `PPP ${protocol.toString(16)}`;
  const [name, codes] = known;
  const { code } = parseControlPacket(information);
  return `${name} ${codes.get(code) ?? code}`;
}

/** "CONFIGURE_REQUEST" -> "configure-request" */
function named(table: Readonly<Record<string, number>>): ReadonlyMap<number, string> {
  return new Map(Object.entries(table).map(([name, number]) => [number, name.toLowerCase().replaceAll('_', '-')]));
}
