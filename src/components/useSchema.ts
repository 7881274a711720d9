import { useEffect, useState } from 'react';
import type { DataSource } from '../datasource';
import type { Schema } from '../schema';

/** What can be asked, or why the backend does not say. Neither: it is being asked. */
export interface LoadedSchema {
  schema?: Schema;
  error?: string;
  retry: () => void;
}

export function useSchema(datasource: DataSource): LoadedSchema {
  const [answer, setAnswer] = useState<{ schema?: Schema; error?: string }>({});
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    let isCurrent = true;
    datasource.schema().then(
      (schema) => isCurrent && setAnswer({ schema }),
      (error: unknown) => isCurrent && setAnswer({ error: messageOf(error) })
    );
    return () => {
      isCurrent = false;
    };
  }, [datasource, attempt]);
  const retry = () => {
    setAnswer({});
    setAttempt(attempt + 1);
  };
  return { ...answer, retry };
}

/** Grafana's server says what is wrong in the body of its answer. */
function messageOf(error: unknown): string {
  const { data, message } = error as { data?: { message?: string }; message?: string };
  return data?.message ?? message ?? String(error);
}
