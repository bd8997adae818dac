/** sallyport metrics: the gateway's figures as Prometheus reads them. */
import { callGateway } from './gateway-call.ts';
import { expectArguments, parseCommand, WHERE } from './usage.ts';

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseCommand(args, WHERE);
  expectArguments(positionals);
  process.stdout.write(await callGateway(values, { verb: 'metrics' }));
  return 0;
}
