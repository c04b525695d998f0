/** The package's version, as `mpip --version` prints it and as reports and captures carry it. A test holds it to package.json. */
export const VERSION = '0.1.0';
