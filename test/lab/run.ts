/** Starts programs: argument arrays, never a shell line. */
import { type ChildProcess, spawn } from 'node:child_process';
import { PATIENCE, until } from './poll.ts';

export interface RunOptions {
  /** Standard input; without it there is none. */
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Milliseconds after which the program is killed; default two minutes. */
  readonly timeout?: number;
}

export interface Finished {
  /** Undefined: it was killed. */
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, whatever its status. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const program = new Program(argv, options);
  const status = await program.left(options.timeout ?? 120_000);
  return { status, stdout: program.stdout, stderr: program.stderr };
}

/** Runs a program that has to succeed; gives its standard output. */
export async function must(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const { status, stdout, stderr } = await run(argv, options);
  if (status !== 0) throw new Error(`${argv.join(' ')}: ${status ?? 'killed'}\n${stdout}${stderr}`);
  return stdout;
}

/** A program that runs beside the test. */
export class Program {
  stdout = '';
  stderr = '';
  /** Both, in the order in which they came. */
  output = '';
  running = true;
  /** Its exit status once it has ended; undefined: killed, or never started. */
  readonly ended: Promise<number | undefined>;
  readonly #child: ChildProcess;

  constructor(argv: readonly string[], options: RunOptions = {}) {
    const [file = '', ...args] = argv;
    this.#child = spawn(file, args, {
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
      cwd: options.cwd,
    });
    this.#child.stdin?.on('error', () => {}).end(options.input);
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.output += text;
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.output += text;
    });
    this.ended = new Promise((resolve) => {
      this.#child.on('error', (error) => {
        this.stderr += error.message;
        this.output += error.message;
        this.running = false;
        resolve(undefined);
      });
      this.#child.on('close', (status) => {
        this.running = false;
        resolve(status ?? undefined);
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Asks it to end, insists after `patience` milliseconds; gives the exit status. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', patience = PATIENCE): Promise<number | undefined> {
    if (this.running) this.kill(signal);
    return this.left(patience);
  }

  /** Waits until it ends by itself, kills it after `patience` milliseconds; gives the exit status. */
  async left(patience = PATIENCE): Promise<number | undefined> {
    const timer = setTimeout(() => this.kill('SIGKILL'), patience);
    const status = await this.ended;
    clearTimeout(timer);
    return status;
  }

  /** Waits until the output has `pattern`; fails with the output when the program ends or the time is up first. */
  async prints(pattern: RegExp, timeout = PATIENCE): Promise<RegExpMatchArray> {
    const found = () => this.output.match(pattern);
    const match = await until(() => found() ?? (this.running ? undefined : 'ended'), timeout).catch(() => undefined);
    if (match === undefined || match === 'ended') throw new Error(`never printed ${pattern}:\n${this.output}`);
    return match as RegExpMatchArray;
  }
}
