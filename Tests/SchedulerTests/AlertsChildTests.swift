import Glibc
import Kernel
import Store
import Telemetry
import Testing
import TestKit

@testable import Scheduler

@Suite("The process that tells people", .timeLimit(.minutes(2)))
struct AlertsChildTests {
    private func scheduler(_ yard: Yard, _ script: String) throws -> Scheduler {
        var configuration = SchedulerConfiguration(
            program: "/bin/sh", workerArguments: ["-c", "exit 0"], database: yard.house.database.supervisor, masterKey: yard.master, allowedHosts: [], workersMost: 1,
            workerUser: nil)
        configuration.alerts = (["-c", script], ["PATH=/usr/bin:/bin", "WORD=given"])
        let log = Log(component: "test", sink: { [logged = yard.logged] in logged.add(String(decoding: $0, as: UTF8.self)) })
        return try Scheduler(configuration, store: yard.house.supervisor, clocks: SystemClocks(), random: SystemRandom(), log: log, metrics: Metrics())
    }

    @Test("it is started with what it is given and nothing else, and again when it ends") func again() async throws {
        try await House.with { house in
            let yard = try Yard(house)
            // It ends well only where it has just what it was given.
            let scheduler = try scheduler(yard, "test \"$WORD\" = given && test -z \"$COUNTERFOIL_VAR\"")
            let running = Task { await scheduler.keepAlerts() }
            await yard.logged.wait(3, "alerts_started")
            running.cancel()
            await running.value
            #expect(yard.logged.all("child_ended").count >= 2)
        }
    }

    @Test("it is ended with the scheduler, and nothing of it stays") func ended() async throws {
        try await House.with { house in
            let yard = try Yard(house)
            let scheduler = try scheduler(yard, "exec sleep 600")
            let running = Task { await scheduler.keepAlerts() }
            await yard.logged.wait(1, "alerts_started")
            let pid = try #require(scheduler.alertsChild.with { $0?.pid })
            #expect(kill(pid, 0) == 0)
            running.cancel()
            await running.value
            await scheduler.stopAlerts()
            #expect(scheduler.alertsChild.with { $0 == nil })
            #expect(kill(pid, 0) != 0)
        }
    }

    @Test("without one to keep, none is started") func none() async throws {
        try await House.with { house in
            let yard = try Yard(house)
            await (try yard.scheduler("exit 0")).keepAlerts()
            #expect(yard.logged.all("alerts_started").isEmpty)
        }
    }
}
