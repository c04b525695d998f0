import type { Exchange } from '../exchange.js';
import type { Oracle } from '../oracle.js';

/** The peer ends: its process exits, or it throws where it runs in this one. */
export class ProcessDied implements Oracle {
  readonly id = 'process-died';
  readonly severity = 'critical';
  readonly judgesTheDead = true;

  begin(): void {}

  end(exchange: Exchange): void {
    const { death } = exchange.target;
    if (death === undefined) return;
    const text = printable(death.text);
    exchange.report({
      oracle: this.id,
      severity: this.severity,
      // Numbers in a message (ports, lengths) do not make another defect of it.
      code: `${death.kind} ${text.replaceAll(/\d+/g, 'N')}`.slice(0, 120),
      title: `The peer ended (${death.kind}): ${text}`,
      requirements: [],
      frame: exchange.frame === 0 ? undefined : exchange.frame,
    });
  }
}

/** What a peer printed, on one line and without what a terminal takes for an order. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ');
}
