/** Port of services that name none. */
export const DEFAULT_PORT = 7000;
