/** sallyport disconnect: ends a running client, and waits until the host's network is as it was. */
import { askClient, notConnected, runningClients } from './running-clients.ts';
import { expectArguments, parseCommand, UsageError } from './usage.ts';

export async function run(args: string[]): Promise<number> {
  const { positionals } = parseCommand(args, {});
  const [profile] = positionals.length > 0 ? expectArguments(positionals, 'the profile') : [await onlyOne()];
  await askClient(profile!, 'disconnect');
  console.log(`${profile} is disconnected`);
  return 0;
}

async function onlyOne(): Promise<string> {
  const names = (await runningClients()).map(({ profile }) => profile);
  if (names.length > 1) throw new UsageError(`which one? ${names.join(', ')} are connected`);
  const [name] = names;
  if (name === undefined) throw notConnected('nothing is connected');
  return name;
}
