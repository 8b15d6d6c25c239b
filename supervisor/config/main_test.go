package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/herderd/herder/supervisor/leaktest"
)

// TestMain fails the run on what a test has left behind.
func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

// write makes a file shop.toml with this text.
func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "shop.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// load is Load of a text that must be good.
func load(t *testing.T, text string, flags ...Flag) *Config {
	t.Helper()
	c, err := Load(write(t, text), Flags{Values: flags})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// complaints are the mistakes in a text, without the name of the file.
func complaints(t *testing.T, text string, flags ...Flag) []string {
	t.Helper()
	file := write(t, text)
	_, err := Load(file, Flags{Values: flags})
	if err == nil {
		return nil
	}
	return strings.Split(strings.ReplaceAll(err.Error(), file+":", ""), "\n")
}
