/** The two forms of time in certificates and CRLs, RFC 5280 section 4.1.2.5. */
import { type DerReader, type DerValue, Tag } from '../der/reader.ts';

/** The next element, a UTCTime or a GeneralizedTime, in Unix milliseconds. Throws {@link MalformedError}. */
export function readTime(reader: DerReader): number {
  return parseTime(reader.any()) ?? reader.fail('a bad time');
}

/** YYMMDDHHMMSSZ (of 1950 to 2049) or YYYYMMDDHHMMSSZ. */
function parseTime({ tag, content }: DerValue): number | undefined {
  if (tag !== Tag.UTC_TIME && tag !== Tag.GENERALIZED_TIME) return undefined;
  const text = String.fromCharCode(...content.subarray(0, 16));
  const full = tag === Tag.UTC_TIME ? `${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}` : text;
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(full) ?? [];
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(time) ? undefined : time;
}

/** "2027-11-21 08:00 UTC" */
export function formatTime(time: number): string {
  return `${new Date(time).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
