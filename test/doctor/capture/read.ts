/** Reads captures from memory, and keeps what a sighting showed only during the call. */
import { Readable } from 'node:stream';
import type { Bytes } from '../../../src/core/bytes/bytes.ts';
import type { Sighting } from '../../../src/core/diagnosis/sighting.ts';
import { type CaptureSummary, readCapture } from '../../../src/doctor/capture/read-capture.ts';
import { openStream } from '../../../src/doctor/capture/source.ts';

export interface ReadOut extends CaptureSummary {
  readonly sightings: readonly Sighting[];
}

/** @param chunk how many bytes come at a time */
export async function readBytes(file: Bytes, chunk = 65_536): Promise<ReadOut> {
  const sightings: Sighting[] = [];
  const source = await openStream(Readable.from(chunksOf(file, chunk)));
  const summary = await readCapture(source, (sighting) =>
    sightings.push({ ...sighting, payload: sighting.payload.slice() }),
  );
  source.close();
  return { ...summary, sightings };
}

function* chunksOf(file: Bytes, length: number): Generator<Bytes> {
  for (let at = 0; at < file.length; at += length) yield Buffer.from(file.subarray(at, at + length));
}

/** What tells sightings apart, as one line. */
export function lineOf(sighting: Sighting): string {
  const { packet, source, destination, protocol, sourcePort, destinationPort, payload, length } = sighting;
  const ports = protocol === 'udp' || protocol === 'tcp' ? ` ${sourcePort}>${destinationPort}` : '';
  const cut = payload.length === length ? '' : ` of ${length}`;
  const pieces = `${sighting.fragments === 1 ? '' : ` in ${sighting.fragments}`}${sighting.isLost ? ' (lost)' : ''}`;
  return `${packet} ${source.text} ${destination.text} ${protocol}${ports} ${payload.length}${cut}${pieces}`;
}
