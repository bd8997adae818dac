/** The report as a file: a page that a browser opens. */
import { writeFileSync } from 'node:fs';
import { HostError, systemReason } from '../../host/errors.ts';
import { htmlOf } from './html.ts';
import type { ReportPage } from './page.ts';

/** Addresses and names of users are in it: it is for who asked. */
export function writePage(path: string, page: ReportPage): void {
  try {
    writeFileSync(path, htmlOf(page), { mode: 0o600 });
  } catch (error) {
    throw new HostError('REPORT', `can't write ${path}: ${systemReason(error)}`);
  }
}
