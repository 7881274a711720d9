import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.{ts,tsx}'],
    exclude: ['src/e2e/**'],
    setupFiles: ['src/testing/setup.ts'],
    testTimeout: 20_000, // typing into real editors takes seconds on a busy machine
  },
});
