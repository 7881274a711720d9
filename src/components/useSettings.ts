import type { DataSourcePluginOptionsEditorProps } from '@grafana/data';
import type { SightlineSecrets, SightlineSettings } from '../types';

export type ConfigProps = DataSourcePluginOptionsEditorProps<SightlineSettings, SightlineSecrets>;

/** Reads and writes single settings. Nothing but jsonData and secureJsonData is ever written: types.ts says why. */
export function useSettings({ options, onOptionsChange }: ConfigProps) {
  return {
    settings: options.jsonData,

    /** An empty text or number is left out, so that the backend's default holds. */
    set: <K extends keyof SightlineSettings>(key: K, value: SightlineSettings[K] | undefined) => {
      const jsonData = { ...options.jsonData, [key]: value };
      if (value === undefined || value === '') {
        delete jsonData[key];
      }
      onOptionsChange({ ...options, jsonData });
    },

    secret: (key: keyof SightlineSecrets) => ({
      isConfigured: Boolean(options.secureJsonFields?.[key]),
      value: options.secureJsonData?.[key] ?? '',
      set: (value: string) => {
        onOptionsChange({ ...options, secureJsonData: { ...options.secureJsonData, [key]: value } });
      },
      /** Forgets the stored value; the empty text makes Grafana delete it on save. */
      reset: () => {
        onOptionsChange({
          ...options,
          secureJsonFields: { ...options.secureJsonFields, [key]: false },
          secureJsonData: { ...options.secureJsonData, [key]: '' },
        });
      },
    }),
  };
}
