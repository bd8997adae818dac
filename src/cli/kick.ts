/** sallyport kick: ends a session. */
import { callGateway } from './gateway-call.ts';
import { expectArguments, parseCommand, UsageError, WHERE } from './usage.ts';

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseCommand(args, WHERE);
  const [id = ''] = expectArguments(positionals, 'the session ID');
  if (!/^\d{1,15}$/.test(id))
    throw new UsageError(`${JSON.stringify(id)} is no session ID; 'sallyport sessions' shows them`);
  await callGateway(values, { verb: 'kick', id: Number(id) });
  console.log(`session ${id} ended`);
  return 0;
}
