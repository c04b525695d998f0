// cap ships no types; this is the part of its interface that is used (src/io/pcap).
declare module 'cap' {
  export class Cap {
    /** Interfaces that libpcap knows. */
    static deviceList(): { readonly name: string; readonly description?: string }[];
    /** `length` octets of the frame are in the buffer given to `open`. */
    on(event: 'packet', listener: (length: number, isTruncated: boolean) => void): void;
    /**
     * @param bufferSize octets that the kernel keeps.
     * @param buffer where frames are put. Nothing in the package refers to it.
     * @returns a name of the link type.
     */
    open(device: string, filter: string, bufferSize: number, buffer: Buffer): string;
    send(frame: Buffer, length: number): void;
  }
}
