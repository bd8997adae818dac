/** sallyport check: all that is wrong with a configuration or a profile, or what it says in short. */
import { type GatewayConfig, namesNobody } from '../config/config.ts';
import { checkConfigFile } from '../config/load.ts';
import { formatProblemIn } from '../config/problem.ts';
import { formatEndpoint, formatPrefix } from '../core/net/address.ts';
import type { GroupPolicy } from '../core/session/policy.ts';
import { openSettings } from '../gateway/settings.ts';
import { diskFiles } from '../host/config-files.ts';
import { escapeControls } from '../host/escape.ts';
import type { OpenedCertificate } from '../host/pki/own-certificate.ts';
import { checkProfile, isProfile } from './check-profile.ts';
import { expectArguments, parseCommand, UsageError, WHERE } from './usage.ts';

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseCommand(args, WHERE);
  if (values.config && positionals.length > 0) throw new UsageError('one file at a time');
  const [file = ''] = expectArguments(values.config ? [values.config] : positionals, "the configuration's path");
  if (!values.config && isProfile(file)) return checkProfile(file);
  const { config, problems } = checkConfigFile(file);
  for (const problem of problems) console.error(formatProblemIn(file, problem));
  if (!config) return 1;
  const { certificate } = await openSettings(config, diskFiles);
  for (const warning of certificate?.warnings ?? []) console.error(`${file}: warning: ${warning}`);
  console.log(`${file}: ok`);
  console.log(summary(config, certificate).join('\n'));
  return 0;
}

/** Names and networks; no secret. */
function summary(config: GatewayConfig, certificate: OpenedCertificate | undefined): string[] {
  const { policy } = config;
  const groups = policy.groups.map((group) => {
    const { name, pool } = group;
    const shown = escapeControls(name ?? '(clients that name none)');
    return `  group     ${shown}  pool ${formatPrefix(pool)}  proven by ${methods(group).join(', ')}`;
  });
  return [
    `  state     ${config.state}`,
    `  listen    ${config.listen?.map((address) => address.text).join(', ') ?? 'all addresses'}`,
    `  carriers  ${carriers(config).join(', ')}`,
    ...(namesNobody(config) ? ['  group     sallyport  (made at the first start, with a first user)'] : groups),
    ...policy.peers.map((peer) => {
      const how = peer.psk ? 'psk' : 'certificate';
      return `  peer      ${escapeControls(peer.id)}  inner ${formatPrefix(peer.inner)}  proven by ${how}`;
    }),
    ...(certificate ? [`  identity  ${own(certificate)}`] : []),
    ...(config.authorities.length > 0 ? [`  trusts    ${config.authorities.join(', ')}`] : []),
    ...(policy.l2tp ? [`  l2tp      users log in by ${policy.l2tp.methods.join(', ')}`] : []),
    ...(policy.legacy ? ['  legacy    modp1024, modp1536, 3DES and MD5 are let in'] : []),
    ...(config.metrics ? [`  metrics   http://${formatEndpoint(config.metrics)}/metrics`] : []),
    ...(config.keylog ? [`  keylog    keys are written to ${config.keylog}`] : []),
  ];
}

/** By the words of the key `authentication`. */
function methods({ psk, hybrid, certificates }: GroupPolicy): string[] {
  return [...(psk ? ['psk'] : []), ...(hybrid ? ['hybrid'] : []), ...(certificates ? ['certificate'] : [])];
}

function own({ names, notAfter }: OpenedCertificate): string {
  return `certificate of ${escapeControls(names[0] ?? 'no name')}, until ${notAfter.toISOString().slice(0, 10)}`;
}

function carriers({ policy }: GatewayConfig): string[] {
  return [
    ...(policy.natT ? ['nat-t'] : []),
    ...(policy.nativeEsp ? ['esp'] : []),
    ...(policy.ciscoUdpPort === undefined ? [] : [`cisco-udp on ${policy.ciscoUdpPort}`]),
    ...(policy.ciscoTcpPorts.length === 0 ? [] : [`cisco-tcp on ${policy.ciscoTcpPorts.join(', ')}`]),
  ];
}
