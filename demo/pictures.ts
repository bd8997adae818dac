/**
 * `npm run pictures`: the README's pictures, made anew: what the demo prints, and a report of the doctor's as a browser shows it.
 * As root, as the demo needs it, and with Debian's chromium.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { terminalPicture } from './terminal-picture.ts';

const root = join(import.meta.dirname, '..');
const folder = join(root, 'docs/pictures');
const CHROMIUM = '/usr/bin/chromium';
/** Somebody typed another secret; strongSwan is the gateway. */
const CAPTURE = join(root, 'test/scenarios/known/psk-mismatch-main-strongswan.pcapng.gz');
/** As much as says what a report is. */
const VIEW = { width: 920, height: 1090 };

mkdirSync(folder, { recursive: true });
await pictureDemo();
await pictureReport();

async function pictureDemo(): Promise<void> {
  const { stdout } = await promisify(execFile)(join(root, 'tools/node'), [join(root, 'demo/main.ts')]);
  save('demo.svg', terminalPicture('npm run demo', stdout));
}

async function pictureReport(): Promise<void> {
  const html = await reportOf(CAPTURE);
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  try {
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await browser.newPage({ viewport: VIEW, colorScheme });
      await page.setContent(html);
      save(`report-${colorScheme}.png`, await page.screenshot());
      await page.close();
    }
  } finally {
    await browser.close();
  }
}

async function reportOf(capture: string): Promise<string> {
  const scratch = mkdtempSync(join(tmpdir(), 'sallyport-pictures-'));
  const file = join(scratch, 'report.html');
  try {
    // its exit status tells that a cause was found
    await promisify(execFile)(join(root, 'bin/sallyport'), ['doctor', capture, '--html', file]).catch(() => undefined);
    return readFileSync(file, 'utf8');
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function save(name: string, picture: string | Uint8Array): void {
  writeFileSync(join(folder, name), picture);
  console.log(`docs/pictures/${name}: ${Math.ceil(picture.length / 1000)} kB`);
}
