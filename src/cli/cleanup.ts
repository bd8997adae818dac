/** sallyport cleanup [PROFILE]: puts back what a killed client left on this host. */
import { cleanup } from '../host/network/cleanup.ts';
import { clientFolder } from '../host/network/folder.ts';
import { parseCommand, UsageError } from './usage.ts';

const isRoot = () => process.geteuid?.() === 0;

export async function run(args: string[]): Promise<number> {
  const { positionals } = parseCommand(args, {});
  const [profile, extra] = positionals;
  if (extra !== undefined) throw new UsageError(`what is ${JSON.stringify(extra)} for? 'sallyport help' shows how`);
  const cleaned = await cleanup(clientFolder(), profile);
  for (const { profile: name, undone } of cleaned) {
    console.log(`${name}: ${undone.length > 0 ? `put back: ${undone.join(', ')}` : 'nothing had been changed'}`);
  }
  if (cleaned.length === 0)
    console.log(`nothing to clean up${isRoot() ? '' : " that is yours; root's clients: run as root"}`);
  return 0;
}
