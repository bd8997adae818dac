/** sallyport help [COMMAND] */
import { UsageError } from './usage.ts';

const COMMANDS: Readonly<Record<string, string>> = {
  serve: `sallyport serve [--config FILE] [--state DIR]
    Runs the gateway until SIGTERM or SIGINT. Without a configuration: a generated group
    secret and first user, state in /var/lib/sallyport.`,
  user: `sallyport user add NAME [--address IP]
sallyport user passwd NAME
sallyport user remove NAME
sallyport user list [--json]
    The password is asked for, or taken from the first line of standard input.
    --address: the inner address that this user always has.`,
  sessions: `sallyport sessions [--json]
    Who is on.`,
  kick: `sallyport kick ID
    Ends a session; its user may log in again.`,
  check: `sallyport check FILE
    Checks a configuration and shows all that is wrong with it.`,
};

const GENERAL = `    --config FILE  the configuration; docs/configuration.md describes it
    --state DIR    the state folder, if not the one that the configuration names
sallyport --version

Exit status: 0 done, 1 failed, 2 wrong command line.`;

export async function run([name]: string[]): Promise<number> {
  if (name !== undefined && name !== 'help' && !Object.hasOwn(COMMANDS, name)) {
    throw new UsageError(`there is no command ${JSON.stringify(name)}`);
  }
  const shown = name === undefined || name === 'help' ? Object.values(COMMANDS) : [COMMANDS[name]];
  console.log([...shown, GENERAL].join('\n'));
  return 0;
}
