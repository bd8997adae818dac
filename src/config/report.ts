/** Collects the problems of one file, with their positions in it. */
import { type Alias, type Document, isAlias, LineCounter, type Node } from 'yaml';
import type { Problem } from './problem.ts';

/** A value in the file: its setting and its node. */
export interface Item {
  /** For example "groups.labgroup.psk" */
  readonly path: string;
  /** Null where a key has no value. */
  readonly node: Node | null;
  /** Where it stands, in characters from the start of the file. */
  readonly offset: number;
}

/** The first ones do: a file of noise has thousands. */
export const MAX_PROBLEMS = 100;
/** Aliases followed in one file; bounds what a file of nested aliases can unfold to. */
export const MAX_ALIASES = 100;

export class Report {
  readonly problems: Problem[] = [];
  readonly #lines: LineCounter;
  readonly #document: Document | undefined;
  #aliases = 0;

  /** @param document what aliases lead into; a file without aliases needs none */
  constructor(lines: LineCounter, document?: Document) {
    this.#lines = lines;
    this.#document = document;
  }

  /** For text that no parser has counted the lines of. */
  static ofText(text: string): Report {
    const lines = new LineCounter();
    lines.addNewLine(0);
    for (const { index } of text.matchAll(/\n|\r(?!\n)/g)) lines.addNewLine(index + 1);
    return new Report(lines);
  }

  get failed(): boolean {
    return this.problems.some((problem) => problem.severity === 'error');
  }

  /** In the order of the file. */
  inOrder(): Problem[] {
    return this.problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
  }

  /** Whether a setting below `path` was wrong already, so that what follows from it need not be said. */
  failedAt(path: string): boolean {
    return this.problems.some((problem) => problem.severity === 'error' && within(problem.path, path));
  }

  error(item: Pick<Item, 'path' | 'offset'>, what: string, hint?: string): undefined {
    this.#add('error', item, what, hint);
  }

  warning(item: Pick<Item, 'path' | 'offset'>, what: string, hint?: string): void {
    this.#add('warning', item, what, hint);
  }

  /** The item with an alias replaced by what it stands for; undefined, and reported, when there are too many. */
  resolve(item: Item): Item | undefined {
    if (!isAlias(item.node)) return item;
    this.#aliases++;
    if (this.#aliases === MAX_ALIASES + 1) return this.error(item, `more than ${MAX_ALIASES} aliases in one file`);
    if (this.#aliases > MAX_ALIASES) return undefined;
    const node = this.#document && (item.node as Alias).resolve(this.#document);
    return node ? { ...item, node } : this.error(item, 'an alias (*name) without its anchor (&name)');
  }

  #add(severity: Problem['severity'], item: Pick<Item, 'path' | 'offset'>, what: string, hint?: string): void {
    if (this.problems.length >= MAX_PROBLEMS) {
      // An error is never lost behind warnings.
      if (severity === 'warning' || this.failed) return;
      this.problems.pop();
    }
    const { line, col } = this.#lines.linePos(item.offset);
    const position = { line: Math.max(1, line), column: Math.max(1, col) };
    this.problems.push({ severity, path: item.path, what, ...(hint === undefined ? {} : { hint }), ...position });
  }
}

function within(path: string, outer: string): boolean {
  return path === outer || path.startsWith(`${outer}.`) || path.startsWith(`${outer}[`);
}
