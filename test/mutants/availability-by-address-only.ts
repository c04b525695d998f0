import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'availability-by-address-only',
  defect: 'Availability is kept per address; the port is ignored.',
  requirements: ['MPIP-AV-18', 'MPIP-GEN-02'],
  killedBy: ['AV-each-port-on-its-own', 'GEN-two-endpoints-behind-one-address'],
  apply({ endpoint }) {
    const { get } = endpoint.availability;
    endpoint.availability.get = (address, port) => {
      const own = get.call(endpoint.availability, address, port);
      if (own?.enabled) return own;
      for (const row of endpoint.availability.rows()) if (row.address === address && row.enabled) return row;
      return own;
    };
  },
};
