package configs

import "embed"

//go:embed furniture/network.yaml follow-the-sun/network.yaml knowledge-base/network.yaml archive/network.yaml
var examples embed.FS

// Examples are the names of the example networks: the four uses.
func Examples() []string {
	return []string{"furniture", "follow-the-sun", "knowledge-base", "archive"}
}

// Example is the network file of an example; its addresses are 127.0.0.1:9001 and on for the request APIs, 8001 for clients, 8101 for
// other gateways and 8201 for admin, in the order of its sites.
func Example(name string) ([]byte, error) { return examples.ReadFile(name + "/network.yaml") }
