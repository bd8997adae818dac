/** Tables for people, and the units in them. */
import { escapeControls } from '../host/escape.ts';

/** Columns aligned by their widest cell, two spaces apart. */
export function alignTable(rows: readonly (readonly string[])[]): string {
  const shown = rows.map((row) => row.map(escapeControls));
  const widths = shown[0]!.map((_, column) => Math.max(...shown.map((row) => row[column]!.length)));
  return shown
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** "0 B", "1.4 kB", "23 MB" */
export function formatBytes(bytes: number): string {
  const power = bytes < 1000 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  return `${power > 0 && value < 10 ? value.toFixed(1) : Math.floor(value)} ${UNITS[power]}`;
}

/** "12s", "5m", "3h10m", "2d4h": how long ago `since` (ISO 8601) is. */
export function formatAge(since: string, now: number): string {
  const seconds = Math.max(0, Math.floor((now - Date.parse(since)) / 1000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (seconds < 60) return `${seconds}s`;
  if (minutes < 60) return `${minutes}m`;
  if (hours < 24) return `${hours}h${minutes % 60}m`;
  return `${Math.floor(hours / 24)}d${hours % 24}h`;
}

/** "2026-11-21 00:12:03" of ISO 8601. */
export function formatTime(at: string): string {
  return at.slice(0, 19).replace('T', ' ');
}
