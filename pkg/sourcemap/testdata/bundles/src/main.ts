import { startCheckout } from './checkout';

try {
  startCheckout();
} catch (error) {
  report(error as Error);
}

function report(error: Error): void {
  // The frames as the Faro SDK sends them, top first; positions count from 1.
  const frames = error
    .stack!.split('\n')
    .slice(1)
    .map((line) => /at (?:(.*?) \()?(?:file:\/\/)?.*\/([^/]+):(\d+):(\d+)\)?$/.exec(line))
    .filter((match) => match !== null && match[2]!.endsWith('.js'))
    .map((match) => ({
      function: match![1] ?? '?',
      filename: `https://shop.example/assets/js/${match![2]}`,
      lineno: Number(match![3]),
      colno: Number(match![4]),
    }));
  console.log(JSON.stringify({ type: error.name, value: error.message, stacktrace: { frames } }, null, 1));
}
