/** What the demo prints, at most so wide that it fits a terminal, and a picture of one. */

/** Columns. */
export const WIDTH = 96;

export function say(text: string): void {
  console.log(wrap(text));
}

/** Breaks long lines between words; what goes on begins where its line began. */
export function wrap(text: string): string {
  return text.split('\n').flatMap(wrapLine).join('\n');
}

function wrapLine(line: string): string[] {
  if (line.length <= WIDTH) return [line];
  const indent = /^ */.exec(line)![0];
  const end = line.lastIndexOf(' ', WIDTH);
  if (end <= indent.length) return [line];
  return [line.slice(0, end), ...wrapLine(indent + line.slice(end + 1))];
}
