/** Reads a capture from its beginning to its end, or as far as it makes sense, in memory that doesn't grow with it. */
import { readU32 } from '../../core/bytes/bytes.ts';
import type { Sighting } from '../../core/diagnosis/sighting.ts';
import { CaptureError, type CaptureProblem, Damage } from './damage.ts';
import { Dissector } from './dissector.ts';
import type { Format } from './format.ts';
import type { FragmentCounts } from './fragments.ts';
import type { LearntPort } from './interest.ts';
import { isPcap, PCAP_HEADER_LENGTH, Pcap } from './pcap.ts';
import { Pcapng, SECTION_HEADER } from './pcapng.ts';
import type { ByteSource } from './source.ts';
import { type NoMore, Window } from './window.ts';

export interface CaptureSummary {
  readonly format: Format['name'];
  readonly packets: number;
  /** Of those, or of their fragments, how many the diagnosis was shown. */
  readonly sighted: number;
  /** Milliseconds since the epoch; undefined where the capture has no times. */
  readonly firstAt: number | undefined;
  readonly lastAt: number | undefined;
  readonly fragments: Readonly<FragmentCounts>;
  /** Packets of link layers that we don't read, by LINKTYPE_ number. */
  readonly unknownLinkTypes: ReadonlyMap<number, number>;
  /** Where IPsec was found on ports of its own, in order. */
  readonly learntPorts: readonly LearntPort[];
  /** Undefined: the capture was read to its end. */
  readonly problem: CaptureProblem | undefined;
}

/** Shows each sighting to `see`. Throws {@link CaptureError} where the bytes are no capture at all. */
export async function readCapture(source: ByteSource, see: (sighting: Sighting) => void): Promise<CaptureSummary> {
  const dissector = new Dissector(see);
  const window = new Window(source);
  const format = await recognise(window, dissector);
  const problem = await readAll(window, format);
  dissector.finish();
  const { packets, sighted, firstAt, lastAt, fragmentCounts: fragments, unknownLinkTypes, learntPorts } = dissector;
  return { format: format.name, packets, sighted, firstAt, lastAt, fragments, unknownLinkTypes, learntPorts, problem };
}

async function recognise(window: Window, dissector: Dissector): Promise<Format> {
  const begin = window.bytes;
  let end: NoMore | undefined;
  while (window.to < PCAP_HEADER_LENGTH && !end) end = await window.fill();
  if (window.to === 0) throw new CaptureError(end?.failure ?? 'it is empty');
  if (readU32(begin) === SECTION_HEADER) return new Pcapng(dissector);
  if (isPcap(readU32(begin))) return new Pcap(dissector);
  throw new CaptureError('it is no capture: neither pcap nor pcapng, plain or by gzip');
}

async function readAll(window: Window, format: Format): Promise<CaptureProblem | undefined> {
  for (;;) {
    try {
      window.moveTo(format.read(window.bytes, window.from, window.to));
    } catch (error) {
      if (!(error instanceof Damage)) throw error;
      return { offset: window.offsetOf(error.position), says: error.message };
    }
    const end = await window.fill();
    if (!end) continue;
    const offset = window.offsetOf(window.from);
    if (end.failure !== undefined) return { offset, says: `it can't be read further: ${end.failure}` };
    return window.isUsedUp ? undefined : { offset, says: 'it ends in the middle of a block' };
  }
}
