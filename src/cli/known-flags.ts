/**
 * The flags that there are: those of `daprd` and of `dapr run`, and what
 * becomes of each. Not how they are written on a command line (flags.ts), nor
 * what their values mean (settings.ts).
 *
 * Layer 34. Source of the names: daprd's options, the options of its logger and
 * of its metrics, and Dapr's command line tool.
 */

/** A flag that does what it says. */
export interface ServedFlag {
  readonly fate: 'served'
  readonly name: string
  readonly short?: string
  /** What stands for the value in the help. Without it the flag is a switch. */
  readonly value?: string
  readonly help: string
}

/** A flag for what Busbar does not have: taken, named in a warning, and without effect. */
export interface IgnoredFlag {
  readonly fate: 'ignored'
  readonly name: string
  readonly short?: string
  readonly value?: string
}

/** A flag that cannot be left out without doing something else than was asked for. */
export interface RefusedFlag {
  readonly fate: 'refused'
  readonly name: string
  readonly short?: string
  readonly why: string
}

export type KnownFlag = ServedFlag | IgnoredFlag | RefusedFlag

const served: readonly Omit<ServedFlag, 'fate'>[] = [
  { name: 'app-id', short: 'a', value: 'ID', help: 'name of the app; default busbar, or $APP_ID' },
  { name: 'app-port', short: 'p', value: 'PORT', help: 'where the app listens; default nowhere, or $APP_PORT' },
  { name: 'app-protocol', short: 'P', value: 'NAME', help: 'how the app is called: http (default) or https' },
  { name: 'app-channel-address', value: 'HOST', help: 'host of the app; default 127.0.0.1' },
  { name: 'app-max-concurrency', value: 'N', help: 'calls of the app at a time; default no limit' },
  {
    name: 'dapr-http-port',
    short: 'H',
    value: 'PORT',
    help: 'where to listen, 0: any; default 3500, or $DAPR_HTTP_PORT',
  },
  { name: 'dapr-listen-addresses', value: 'HOST', help: 'address to listen on; default loopback only' },
  {
    name: 'momento-port',
    value: 'PORT',
    help: 'serve Momento Topics there too, 0: any; components are caches',
  },
  { name: 'pubsub', value: 'NAME', help: 'an in-memory pub/sub component of this name; repeatable' },
  { name: 'resources-path', value: 'PATH', help: 'directory of components, subscriptions, policies; repeatable' },
  { name: 'components-path', short: 'd', value: 'PATH', help: 'the same under its old name' },
  { name: 'config', short: 'c', value: 'FILE', help: 'a configuration; repeatable' },
  { name: 'max-body-size', value: 'SIZE', help: 'largest request, such as 512Ki; 0: no limit; default 4Mi' },
  { name: 'dapr-http-max-request-size', value: 'N', help: 'the same in MiB, under its old name' },
  { name: 'disable-init-endpoints', value: 'LIST', help: 'do not ask the app for: config, subscribe' },
  { name: 'dapr-graceful-shutdown-seconds', value: 'N', help: 'time for what is in flight at the end; default 5' },
  { name: 'log-level', value: 'LEVEL', help: 'debug, info (default), warn or error' },
  { name: 'log-as-json', help: 'one JSON object a line' },
  { name: 'app-ssl', help: 'app-protocol https under its old name' },
  { name: 'version', short: 'v', help: 'print the version' },
  { name: 'help', short: 'h', help: 'print this' },
]

/** With a value each. */
const ignored: readonly string[] = [
  ...['dapr-public-port', 'dapr-public-listen-address', 'dapr-internal-grpc-listen-address'],
  ...['internal-grpc-port', 'profile-port', 'profiling-port', 'metrics-listen-address'],
  ...['control-plane-address', 'control-plane-namespace', 'control-plane-trust-domain'],
  ...['sentry-address', 'sentry-request-jwt-audiences', 'allowed-origins'],
  ...['read-buffer-size', 'dapr-http-read-buffer-size', 'dapr-block-shutdown-duration'],
  ...['app-health-check-path', 'app-health-probe-interval', 'app-health-probe-timeout', 'app-health-threshold'],
  ...['placement-host-address', 'scheduler-host-address', 'scheduler-job-streams', 'actors-service'],
  ...['actors-disseminate-timeout', 'reminders-service', 'hot-reload-reconcile-interval'],
  ...['app-binding-options-timeout', 'log-file', 'mode', 'image', 'runtime-path'],
]

const ignoredShort: readonly (readonly [short: string, name: string])[] = [
  ['G', 'dapr-grpc-port'],
  ['I', 'dapr-internal-grpc-port'],
  ['M', 'metrics-port'],
  ['u', 'unix-domain-socket'],
]

const ignoredSwitches: readonly string[] = [
  ...['enable-profiling', 'enable-mtls', 'enable-metrics', 'enable-api-logging', 'enable-app-health-check'],
  ...['disable-builtin-k8s-secret-store', 'build-info'],
]

const refused: readonly Omit<RefusedFlag, 'fate'>[] = [
  { name: 'run-file', short: 'f', why: 'run templates are not read; start one sidecar, and the apps with it' },
  { name: 'kubernetes', short: 'k', why: 'there is no Kubernetes here' },
  { name: 'wait', why: 'nothing to wait for; ask /v1.0/healthz/outbound' },
]

/** Every flag, those that are served first. */
export const KNOWN_FLAGS: readonly KnownFlag[] = [
  ...served.map((flag): KnownFlag => ({ fate: 'served', ...flag })),
  ...ignored.map((name): KnownFlag => ({ fate: 'ignored', name, value: 'VALUE' })),
  ...ignoredShort.map(([short, name]): KnownFlag => ({ fate: 'ignored', name, short, value: 'VALUE' })),
  ...ignoredSwitches.map((name): KnownFlag => ({ fate: 'ignored', name })),
  ...refused.map((flag): KnownFlag => ({ fate: 'refused', ...flag })),
]

/** What `--help` prints. */
export function helpText(): string {
  const rows = served.map(({ name, short, value, help }) => {
    const names = `${short === undefined ? '    ' : `-${short}, `}--${name}`
    return `  ${(value === undefined ? names : `${names} ${value}`).padEnd(42)} ${help}`
  })
  return `${HEAD}\n${rows.join('\n')}\n${TAIL}`
}

const HEAD = `busbar [flags] [-- command of an app]

Serves Dapr's pub/sub HTTP API from memory, and Momento Topics on request. With
a command, it starts that app beside it, as \`dapr run\` does, and ends with it.

  npx busbar --pubsub orders
  npx busbar --app-id shop --app-port 3000 --resources-path ./components -- npm start

Flags, as daprd and \`dapr run\` have them, and --pubsub and --momento-port:
`

const TAIL = `
$DAPR_API_TOKEN is the token that callers must show, also as Momento's API key;
$APP_API_TOKEN the one that the app is shown. $NAMESPACE is the namespace of the app. Other flags of
daprd are taken, named in a warning, and have no effect.
`
