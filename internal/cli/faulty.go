package cli

import (
	"fmt"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

// despite finds a gateway by a network file that has faults: the gateway that runs has the file of before, and is to be asked
// just when the file on disk is bad. It takes no more from the file than the site's admin address and token, and says so. It reports whether
// these could be read.
func (c *command) despite(k *client) bool {
	data, err := os.ReadFile(c.config)
	if err != nil {
		return false
	}
	var file struct {
		Sites map[string]struct {
			Admin struct {
				Listen string `yaml:"listen"`
				Token  string `yaml:"token"`
			} `yaml:"admin"`
		} `yaml:"sites"`
	}
	_ = yaml.Unmarshal(data, &file) // what cannot be read is not there
	admin := file.Sites[c.site].Admin
	if admin.Listen == "" || strings.Contains(admin.Listen, "$") || k.at(reachable(admin.Listen)) != nil {
		return false
	}
	if k.token == "" && !strings.Contains(admin.Token, "$") {
		k.token = admin.Token
	}
	fmt.Fprintf(c.err, "%s has faults (meridian check %s shows them). The gateway at %s is asked all the same; it goes on with the file of before.\n", c.config, c.config, admin.Listen)
	return true
}
