/** sallyport serve: runs the gateway until a signal ends it. */
import { startProgram } from '../gateway/program.ts';
import { onEndSignal } from './signals.ts';
import { expectArguments, parseCommand, WHERE } from './usage.ts';

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseCommand(args, { ...WHERE, files: { type: 'string' } });
  expectArguments(positionals);
  // Whatever is written from here on is ours alone.
  process.umask(0o077);
  const isRoot = process.geteuid?.() === 0;
  const keptRoot = isRoot
    ? (await import('../gateway/least-rights.ts')).giveUpRoot(values, process.argv[1]!)
    : undefined;
  const signalled = new Promise<NodeJS.Signals>((resolve) => onEndSignal(['SIGINT', 'SIGTERM'], resolve));
  // Until there is something to reload.
  const ignore = () => {};
  process.on('SIGHUP', ignore);
  const { startGateway } = await import('../gateway/gateway.ts');
  const terminal = process.stdout.isTTY ? process.stdout : undefined;
  const program = await startProgram({ ...values, keptRoot }, startGateway, terminal);
  // What is wrong is in the log.
  process.off('SIGHUP', ignore).on('SIGHUP', () => program.reload().catch(() => {}));
  const ending = await Promise.race([signalled, program.ended]);
  if (ending instanceof Error) program.log.fatal({ err: ending }, 'the gateway ends');
  else program.log.info({ signal: ending }, 'the gateway stops');
  await program.stop();
  program.log.info('the gateway has stopped');
  return ending instanceof Error ? 1 : 0;
}
