/** What reports call things, whatever their form. */
import type { Place, Severity } from '../../core/diagnosis/finding.ts';

export const SEVERITY_NAMES: Readonly<Record<Severity, string>> = { cause: 'Cause', warning: 'Warning', note: 'Note' };

/** As in "On Windows:". */
export const PLACE_NAMES: Readonly<Record<Place, string>> = {
  sallyport: 'Sallyport',
  strongswan: 'strongSwan',
  libreswan: 'Libreswan',
  windows: 'Windows',
  'cisco-asa': 'Cisco ASA',
  firewall: 'the firewall',
  client: 'the client',
};

/** "1 packet", "1,204 packets". */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}
