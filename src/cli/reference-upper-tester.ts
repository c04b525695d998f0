import { buildUdp } from '../codec/index.js';
import type { UpperTester, UpperTesterSurroundings } from '../conformance/index.js';
import type { ReferenceHost, RoutingRule, TcpConnection } from '../endpoint/index.js';

const PROTOCOLS = { tcp: 6, udp: 17 } as const;

/** Makes a reference host in the virtual network act. */
export function referenceUpperTester(host: ReferenceHost, { now, wake }: UpperTesterSurroundings): UpperTester {
  const connections: TcpConnection[] = [];
  const source = () => host.endpoint.addresses[0]!;
  const connectionOf = (handle: number): TcpConnection => {
    const connection = connections[handle - 1];
    if (connection === undefined) throw new RangeError(`There is no connection ${handle}.`);
    return connection;
  };
  const act = (action: () => void): Promise<void> => {
    action();
    wake();
    return Promise.resolve();
  };
  return {
    send: (fromPort, to, payload) => {
      const tuple = { source: source(), sourcePort: fromPort, destination: to.address, destinationPort: to.port };
      return act(() => host.endpoint.fromHost(buildUdp(tuple, payload), now()));
    },
    connect: async (to) => {
      const tuple = { source: source(), sourcePort: 0, destination: to.address, destinationPort: to.port };
      await act(() => void connections.push(host.tcp.connect(tuple, now())));
      return connections.length;
    },
    write: (handle, payload) => act(() => connectionOf(handle).write(payload, now())),
    close: (handle) => act(() => connectionOf(handle).close(now())),
    setAddresses: (addresses) => act(() => host.endpoint.setAddresses(addresses, now())),
    setRules: (rules) =>
      act(() =>
        host.endpoint.setRules(
          rules.map(({ protocol, ...rule }): RoutingRule => {
            return protocol === undefined ? rule : { ...rule, protocol: PROTOCOLS[protocol] };
          }),
        ),
      ),
  };
}
