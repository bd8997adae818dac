/**
 * What a terminal showed, as an SVG: a few kilobytes, sharp at any size, dark on light and light on dark ground alike. Each line is
 * as wide as its columns whatever font the reader has.
 */

/** Of one character, in the units of the picture. */
const COLUMN = 8.4;
const LINE = 19;
const PADDING = 20;
const TITLE_BAR = 34;

const GROUND = '#16181b';
const INK = '#d8dadd';
const BRIGHT = '#ffffff';
const GOOD = '#7ed79b';
const BAD = '#ff8a80';

/** What a line's words say about it; the first that fits. */
const COLORS: readonly (readonly [words: RegExp, color: string])[] = [
  [/^(\$|\d\.) /, BRIGHT],
  [/didn't get in|no carrier gets through|^ {3}\S.* {2,}no {2,}|taken for a replay/, BAD],
  [/pings .*came back|^ {3}\S.* {2,}yes {2,}|^ +After .*: .*inner address/, GOOD],
];

/** @param command what was typed, shown before what came of it */
export function terminalPicture(command: string, output: string): string {
  const lines = [`$ ${command}`, '', ...output.trimEnd().split('\n')];
  const columns = Math.max(...lines.map((line) => line.length));
  const width = Math.ceil(columns * COLUMN + 2 * PADDING);
  const height = TITLE_BAR + lines.length * LINE + PADDING;
  const buttons = ['#ff5f57', '#febc2e', '#28c840'].map(
    (color, i) => `<circle cx="${PADDING + 6 + i * 20}" cy="${TITLE_BAR / 2}" r="6" fill="${color}"/>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(command)}</title>`,
    `<rect width="${width}" height="${height}" rx="10" fill="${GROUND}" stroke="#3a3f45"/>`,
    ...buttons,
    `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14" fill="${INK}">`,
    ...lines.flatMap(textOf),
    '</g></svg>',
    '',
  ].join('\n');
}

function textOf(line: string, row: number): string[] {
  const words = line.trim();
  if (words === '') return [];
  const indent = line.length - line.trimStart().length;
  const x = PADDING + indent * COLUMN;
  const y = TITLE_BAR + row * LINE + 14;
  const color = COLORS.find(([words]) => words.test(line))?.[1];
  const fill = color === undefined ? '' : ` fill="${color}"`;
  const length = (words.length * COLUMN).toFixed(1);
  return [
    `<text x="${x.toFixed(1)}" y="${y}" textLength="${length}" lengthAdjust="spacingAndGlyphs" xml:space="preserve"${fill}>${escaped(words)}</text>`,
  ];
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
