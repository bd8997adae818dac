/** Collects the problems of one file, with their positions in it. */
import { type Alias, type Document, isAlias, type LineCounter, type Node } from 'yaml';
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
  readonly #document: Document;
  readonly #lines: LineCounter;
  #aliases = 0;

  constructor(document: Document, lines: LineCounter) {
    this.#document = document;
    this.#lines = lines;
  }

  get failed(): boolean {
    return this.problems.some((problem) => problem.severity === 'error');
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
    const node = (item.node as Alias).resolve(this.#document);
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
