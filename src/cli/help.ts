/** sallyport help [COMMAND] */
import { FIREWALLS } from '../core/openings/firewalls.ts';
import { UsageError } from './usage.ts';

const COMMANDS: Readonly<Record<string, string>> = {
  serve: `sallyport serve
    Runs the gateway until SIGTERM or SIGINT. Without a configuration: a generated group
    secret and first user, state in /var/lib/sallyport.`,
  user: `sallyport user add NAME [--address IP] [--totp] [--l2tp] [--chap-md5]
sallyport user passwd NAME [--[no-]l2tp] [--[no-]chap-md5]
sallyport user totp NAME [--off]
sallyport user remove NAME
sallyport user list [--json]
    The password is asked for, or taken from the first line of standard input.
    --address: the inner address that this user always has. --totp, user totp: after the
    password a passcode is asked for; its secret is shown once, as a QR code and a URI.
    --l2tp: also keeps what MS-CHAPv2 needs, the NT hash of the password.
    --chap-md5: also keeps what CHAP with MD5 needs, the password itself, sealed.
    user passwd keeps what was kept, of the new password; --no-l2tp, --no-chap-md5: no more.`,
  sessions: `sallyport sessions [--failed | --history] [--json]
    Who is on; or who wasn't let in and why; or who was on, until when and why it ended.`,
  reload: `sallyport reload
    The running gateway reads its configuration again. No session is dropped; a wrong
    configuration changes nothing.`,
  metrics: `sallyport metrics
    The gateway's figures, as Prometheus reads them.`,
  kick: `sallyport kick ID
    Ends a session; its user may log in again.`,
  connect: `sallyport connect PROFILE [--carrier auto|nat-t|esp|cisco-udp|cisco-tcp] [--user NAME]
                  [--on-loss block|open] [--password-fd N | --password-stdin] [--json]
    Dials a gateway and stays until it ends. PROFILE is a file (.pcf, vpnc's .conf, YAML)
    or a name that is looked up. What isn't in it is asked at the terminal; --password-fd
    and --password-stdin take the password, and what is asked after it, a line each.
    --json: one event a line. Exit status: 0 ended by you, 1 failed, 3 refused by the
    gateway, 4 no carrier gets through, 5 ended by the gateway.`,
  status: `sallyport status [PROFILE] [--json]
    How the running clients do.`,
  disconnect: `sallyport disconnect [PROFILE]
    Ends a running client; done when the network of this host is as it was.`,
  doctor: `sallyport doctor HOST [--watch] [--html FILE] [--json]
sallyport doctor FILE|- [--keylog FOLDER] [--html FILE] [--json]
sallyport doctor CODE [--json]
sallyport doctor PROFILE [--user NAME] [--carrier nat-t|esp|cisco-udp|cisco-tcp]
                 [--password-fd N | --password-stdin] [--watch] [--html FILE] [--json]
    Why a connection fails. HOST: asks a gateway from outside, without credentials or root,
    in under 20 seconds; --watch goes on to how long a NAT on the way keeps a silent
    mapping. FILE: by a capture of it, pcap or pcapng, also in gzip; -: standard input;
    --keylog: keys that open what is encrypted, as Wireshark has them. CODE: what an error
    number of Windows means, for example 809. PROFILE: dials each carrier in turn, with its
    login and, where ESP has a way of its own, a packet there and back, and says of each
    opening whether it is open, and if not, where it is shut; it needs root, and leaves
    routes and name servers as they are; --watch goes on with a tunnel that stays up, to
    the lifetimes agreed on, what happens at a rekey, DPD both ways and the NAT's mapping,
    until all of it was seen or Ctrl-C. --html: the report as a page too. Exit status:
    0 nothing is wrong, 1 it could not be found out, 3 the cause of a failure found,
    4 a warning.`,
  cleanup: `sallyport cleanup [PROFILE]
    Puts back what killed clients left on this host: routes, rules, name servers.`,
  check: `sallyport check FILE
    Checks a configuration or a profile and shows all that is wrong with it.`,
  ca: `sallyport ca init [--name NAME]
sallyport ca gateway NAME|IP...
sallyport ca client NAME [--p12 FILE]
sallyport ca revoke NAME|SERIAL
sallyport ca list [--json]
sallyport ca show [NAME|SERIAL]
    A small authority in the state folder: certificates for the gateway and for clients.
    --p12: key and certificates in one file, under a password that is asked for, or
    taken from the first line of standard input.
    init, gateway, client: [--key rsa|p256] [--days N] [--force]`,
  openings: `sallyport openings [--carrier nat-t|esp|cisco-udp|cisco-tcp] [--side client|gateway]
                   [--for SYSTEM] [--ports NAME=PORT,...] [--json]
    What must be open in a firewall for each carrier, and the exact rules for SYSTEM:
    ${FIREWALLS.map(({ name }) => name).join(' ')}`,
};

/** Those that have to do with a gateway on this machine. */
const OF_GATEWAY = ['serve', 'user', 'sessions', 'reload', 'metrics', 'kick', 'ca'];

const WHERE = `    --config FILE  the configuration; docs/configuration.md describes it
    --state DIR    the state folder, if not the one that the configuration names`;

const GENERAL = `sallyport --version

Exit status: 0 done, 1 failed, 2 wrong command line.`;

export async function run([name]: string[]): Promise<number> {
  if (name !== undefined && name !== 'help' && !Object.hasOwn(COMMANDS, name)) {
    throw new UsageError(`there is no command ${JSON.stringify(name)}`);
  }
  console.log((name === undefined || name === 'help' ? all() : [...one(name), GENERAL]).join('\n'));
  return 0;
}

function all(): string[] {
  return [...Object.values(COMMANDS), GENERAL, '', `${OF_GATEWAY.join(', ')} take as well:`, WHERE];
}

function one(name: string): string[] {
  return [COMMANDS[name] ?? '', ...(OF_GATEWAY.includes(name) ? [WHERE] : [])];
}
