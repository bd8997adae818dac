/** sallyport doctor FILE: what a capture shows, and why it fails. */
import { basename } from 'node:path';
import { NO_KEYS } from '../core/diagnosis/keys.ts';
import { Observer } from '../core/diagnosis/observer.ts';
import { nodeCrypto } from '../host/crypto/node-crypto.ts';
import { jsonText } from '../host/escape.ts';
import { CaptureError } from './capture/damage.ts';
import { type CaptureSummary, readCapture } from './capture/read-capture.ts';
import { openPath, openStream } from './capture/source.ts';
import { certificateFacts } from './certificate-facts.ts';
import { readKeyTables } from './key-tables.ts';
import { capturePage } from './report/capture-page.ts';
import { jsonOf } from './report/json.ts';
import { textOf } from './report/text.ts';
import { captureExitStatus } from './report/verdict.ts';
import { writePage } from './report/write-page.ts';

/** In place of a file's name. */
const STANDARD_INPUT = '-';

export interface CaptureOptions {
  readonly json?: boolean | undefined;
  /** Where the report goes as a page, beside what is printed. */
  readonly html?: string | undefined;
  /** A folder of Wireshark's decryption tables, or one of them. */
  readonly keylog?: string | undefined;
}

/** Prints the report; gives the exit status. Throws {@link CaptureError} for what is no capture. */
export async function diagnoseCapture(path: string, options: CaptureOptions): Promise<number> {
  const title = path === STANDARD_INPUT ? 'standard input' : basename(path);
  const observer = new Observer({
    crypto: nodeCrypto,
    keys: options.keylog === undefined ? NO_KEYS : readKeyTables(options.keylog),
    certificate: certificateFacts,
  });
  const summary = await readFrom(path, title, observer);
  const diagnosis = observer.finish(summary.lastAt);
  const page = capturePage(title, diagnosis, summary);
  if (options.html !== undefined) writePage(options.html, page);
  if (options.json) console.log(jsonText(jsonOf(title, diagnosis, summary), 2));
  else console.log(textOf(page));
  return captureExitStatus(diagnosis, summary);
}

async function readFrom(path: string, title: string, observer: Observer): Promise<CaptureSummary> {
  const source = path === STANDARD_INPUT ? await openStream(process.stdin) : await openPath(path);
  try {
    return await readCapture(source, (sighting) => observer.see(sighting));
  } catch (error) {
    throw error instanceof CaptureError ? new CaptureError(`${title}: ${error.message}`) : error;
  } finally {
    source.close();
  }
}
