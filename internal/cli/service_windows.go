package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"

	"github.com/meridian-gateway/meridian/request"
)

// eventID is the number of our events: the text says it all.
const eventID = 1

// onService calls do with the service of a name.
func onService(name string, do func(*mgr.Mgr, *mgr.Service) error) error {
	m, err := mgr.Connect()
	if err != nil {
		return coded{Failed, fmt.Errorf("the service manager does not let us in; run this as administrator: %w", err)}
	}
	defer func() { _ = m.Disconnect() }()
	s, err := m.OpenService(name)
	if err != nil {
		return coded{Failed, fmt.Errorf("service %s cannot be opened; was it installed (meridian service install)? %w", name, err)}
	}
	defer func() { _ = s.Close() }()
	if err := do(m, s); err != nil {
		return coded{Failed, err}
	}
	return nil
}

func (c *command) serviceInstall(o winService) error {
	exe, err := os.Executable()
	if err != nil {
		return coded{Failed, fmt.Errorf("where this program lies is not known: %w", err)}
	}
	m, err := mgr.Connect()
	if err != nil {
		return coded{Failed, fmt.Errorf("the service manager does not let us in; run this as administrator: %w", err)}
	}
	defer func() { _ = m.Disconnect() }()
	conf := mgr.Config{StartType: mgr.StartAutomatic, DelayedAutoStart: true, ServiceStartName: o.account,
		DisplayName: "Meridian gateway of " + o.site, Description: "Synchronizes the request API of " + o.site + " with other sites."}
	create := func() (*mgr.Service, error) {
		return m.CreateService(o.name, exe, conf, "service", "run", "--config", o.config, "--site", o.site, "--log-level", o.level)
	}
	s, err := create()
	if errors.Is(err, windows.ERROR_INVALID_LEVEL) { // a system that does not know a late start, Wine for one
		conf.DelayedAutoStart = false
		s, err = create()
	}
	if err != nil {
		return coded{Failed, fmt.Errorf("service %s cannot be installed: %w", o.name, err)}
	}
	defer func() { _ = s.Close() }()
	again := func(after time.Duration) mgr.RecoveryAction {
		return mgr.RecoveryAction{Type: mgr.ServiceRestart, Delay: after}
	}
	err = s.SetRecoveryActions([]mgr.RecoveryAction{again(2 * time.Second), again(10 * time.Second), again(time.Minute)}, uint32((24 * time.Hour).Seconds()))
	if err == nil {
		err = s.SetRecoveryActionsOnNonCrashFailures(true)
	}
	if err != nil {
		fmt.Fprintln(c.err, "warning: the service will not be started again when it fails:", err)
	}
	if err := eventlog.InstallAsEventCreate(o.name, eventlog.Error|eventlog.Warning|eventlog.Info); err != nil {
		fmt.Fprintln(c.err, "warning: the event log does not know the service by name:", err)
	}
	_, err = fmt.Fprintf(c.out, "service %s is installed, to run as %s. Start it: meridian service start --site %s\n", o.name, o.account, o.site)
	return err
}

func (c *command) serviceUninstall(o winService) error {
	if err := c.serviceStop(o); err != nil {
		fmt.Fprintln(c.err, "note:", err)
	}
	return onService(o.name, func(_ *mgr.Mgr, s *mgr.Service) error {
		if err := s.Delete(); err != nil {
			return fmt.Errorf("service %s cannot be taken away: %w", o.name, err)
		}
		_ = eventlog.Remove(o.name) // which may not have been there
		_, err := fmt.Fprintf(c.out, "service %s is taken away; its network file and data stay\n", o.name)
		return err
	})
}

func (c *command) serviceStart(o winService) error {
	return onService(o.name, func(_ *mgr.Mgr, s *mgr.Service) error {
		if err := s.Start(); err != nil && !errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING) {
			return fmt.Errorf("service %s cannot be started; the event log says more: %w", o.name, err)
		}
		if err := awaitState(s, svc.Running, stopTimeout); err != nil {
			return fmt.Errorf("service %s did not come up; the event log says more: %w", o.name, err)
		}
		_, err := fmt.Fprintf(c.out, "service %s runs\n", o.name)
		return err
	})
}

func (c *command) serviceStop(o winService) error {
	return onService(o.name, func(_ *mgr.Mgr, s *mgr.Service) error {
		st, err := s.Query()
		if err != nil {
			return err
		}
		if st.State != svc.Stopped {
			if _, err := s.Control(svc.Stop); err != nil {
				return fmt.Errorf("service %s does not take the order to stop: %w", o.name, err)
			}
			if err := awaitState(s, svc.Stopped, stopTimeout+5*time.Second); err != nil {
				return err
			}
		}
		_, err = fmt.Fprintf(c.out, "service %s is stopped\n", o.name)
		return err
	})
}

// awaitState waits for a state of a service. Windows tells it only when asked.
func awaitState(s *mgr.Service, want svc.State, within time.Duration) error {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		st, err := s.Query()
		switch {
		case err != nil:
			return err
		case st.State == want:
			return nil
		case want == svc.Running && st.State == svc.Stopped:
			return fmt.Errorf("it stopped with code %d", st.ServiceSpecificExitCode)
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return fmt.Errorf("it did not get there within %s", within)
		}
	}
}

// serviceRun is the service itself.
func (c *command) serviceRun(ctx context.Context, o winService) error {
	events, err := eventlog.Open(o.name)
	if err != nil {
		return coded{Failed, fmt.Errorf("the event log cannot be opened: %w", err)}
	}
	defer func() { _ = events.Close() }()
	h := &handler{c: c, o: o, ctx: ctx, events: events}
	err = svc.Run(o.name, h)
	if errors.Is(err, windows.ERROR_FAILED_SERVICE_CONTROLLER_CONNECT) {
		return misuse("this is for the service manager of Windows; by hand: meridian run --config %s --site %s", quoted(o.config), quoted(o.site))
	}
	if err != nil {
		return coded{Failed, err}
	}
	return h.err
}

// handler speaks with the service manager.
type handler struct {
	c      *command
	o      winService
	ctx    context.Context //nolint:containedctx // svc.Handler has no other way
	events *eventlog.Log
	err    error
}

// Execute runs the gateway until the service manager wants it to stop.
func (h *handler) Execute(_ []string, asked <-chan svc.ChangeRequest, tell chan<- svc.Status) (bool, uint32) {
	hint := uint32(stopTimeout.Milliseconds())
	tell <- svc.Status{State: svc.StartPending, WaitHint: hint}
	ctx, cancel := context.WithCancel(h.ctx)
	defer cancel()
	up, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- h.serve(ctx, func() { close(up) }) }()
	for {
		select {
		case <-up:
			up = nil
			tell <- svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptShutdown}
			_ = h.events.Info(eventID, "the gateway of "+h.o.site+" runs")
		case h.err = <-ended:
			if h.err != nil {
				_ = h.events.Error(eventID, h.err.Error())
				return true, Failed
			}
			_ = h.events.Info(eventID, "the gateway of "+h.o.site+" has stopped")
			return false, 0
		case r := <-asked:
			switch r.Cmd {
			case svc.Interrogate:
				tell <- r.CurrentStatus
			case svc.Stop, svc.Shutdown:
				tell <- svc.Status{State: svc.StopPending, WaitHint: hint}
				cancel()
			}
		}
	}
}

// serve is meridian run, in the folder of the network file and with the event log.
func (h *handler) serve(ctx context.Context, started func()) error {
	if err := os.Chdir(filepath.Dir(h.o.config)); err != nil {
		return err
	}
	log, err := h.logger()
	if err != nil {
		return err
	}
	n, err := h.c.load(h.o.config, request.Site(h.o.site))
	if err != nil {
		return fmt.Errorf("the network file was not taken: meridian check %s says what is wrong: %w", h.o.config, err)
	}
	site, ok := n.Sites[request.Site(h.o.site)]
	if !ok {
		return errors.New("site " + h.o.site + " is not in the network file")
	}
	return h.c.serve(ctx, serving{network: n, sites: []request.Site{site.Name}, log: log, drain: drainTime, started: started})
}

// logger writes each level as an event of its kind.
func (h *handler) logger() (*zap.Logger, error) {
	least, err := zapcore.ParseLevel(h.o.level)
	if err != nil {
		return nil, err
	}
	enc := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	core := func(write func(uint32, string) error, from, to zapcore.Level) zapcore.Core {
		in := zap.LevelEnablerFunc(func(l zapcore.Level) bool { return l >= least && l >= from && l <= to })
		return zapcore.NewCore(enc, zapcore.Lock(zapcore.AddSync(logged(write))), in)
	}
	all := zapcore.NewTee(core(h.events.Info, zapcore.DebugLevel, zapcore.InfoLevel), core(h.events.Warning, zapcore.WarnLevel, zapcore.WarnLevel),
		core(h.events.Error, zapcore.ErrorLevel, zapcore.FatalLevel))
	return zap.New(zapcore.NewSamplerWithOptions(all, time.Second, 100, 100)), nil
}

// logged writes a line as an event of the system's log.
type logged func(id uint32, text string) error

func (e logged) Write(p []byte) (int, error) { return len(p), e(eventID, string(p)) }
