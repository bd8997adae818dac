/** Text from peers on a terminal: no control character of theirs moves a cursor, forges a line or turns text around. */
import { ACTING, ACTING_INSIDE_LINES } from '../core/bytes/text.ts';

const ACTING_CHARACTERS = new RegExp(`[${ACTING}]`, 'gu');

/** Replaces characters that act by \u escapes. */
export function escapeControls(text: string): string {
  return text.replace(ACTING_CHARACTERS, (character) => {
    const code = character.codePointAt(0)!;
    return code > 0xffff ? `\\u{${code.toString(16)}}` : unitEscape(code);
  });
}

/** The same, but for the ends of its lines. */
export function escapeLines(text: string): string {
  return text.split('\n').map(escapeControls).join('\n');
}

/** JSON that means the same: by itself it has the controls below U+0020 escaped and no others. */
export function escapeJson(json: string): string {
  // line ends are between its texts alone
  return json.replace(ACTING_INSIDE_LINES, (character) =>
    Array.from({ length: character.length }, (_, i) => unitEscape(character.charCodeAt(i))).join(''),
  );
}

/** What `--json` prints. */
export function jsonText(value: unknown, indent?: number): string {
  return escapeJson(JSON.stringify(value, null, indent));
}

function unitEscape(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}
