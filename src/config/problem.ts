/** What is wrong in a configuration file, and where. A text names no secret: it may be logged and sent around. */

export interface Problem {
  /** A warning lets the gateway start; an error doesn't. */
  readonly severity: 'error' | 'warning';
  /** The setting, for example "groups.labgroup"; empty: the file as a whole. */
  readonly path: string;
  /** What is wrong, for example "unknown key 'pks'". */
  readonly what: string;
  /** What to do about it. */
  readonly hint?: string;
  /** Counted from 1; 0: the file as a whole. */
  readonly line: number;
  readonly column: number;
}

/** "groups.labgroup: unknown key 'pks' at line 5, column 14; did you mean 'psk'?" */
export function formatProblem(problem: Problem): string {
  const { path, what, hint, line, column } = problem;
  const position = line > 0 ? ` at line ${line}, column ${column}` : '';
  return `${path && `${path}: `}${what}${position}${hint ? `; ${hint}` : ''}`;
}

/** The same behind "FILE:5:14: ", which editors and terminals open at the place. */
export function formatProblemIn(file: string, problem: Problem): string {
  const { severity, line, column } = problem;
  const place = line > 0 ? `${file}:${line}:${column}` : file;
  return `${place}: ${severity === 'warning' ? 'warning: ' : ''}${formatProblem(problem)}`;
}

/** A configuration that can't be used: thrown where one is needed to go on. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'CONFIG';
  readonly file: string;
  readonly problems: readonly Problem[];

  constructor(file: string, problems: readonly Problem[]) {
    super(problems.map((problem) => formatProblemIn(file, problem)).join('\n'));
    this.file = file;
    this.problems = problems;
  }
}
