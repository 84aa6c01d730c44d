internal import Alerts
internal import ConnectorKit
internal import Crypto
internal import FoundationEssentials
internal import HTTPClient
internal import Kernel
internal import Postgres
internal import Store
internal import Telemetry

enum NotifyCommand: Command {
    static let name = "notify"
    static let summary = "(started by the scheduler) look for alerts and tell people"
    static let help = """
        usage: counterfoil notify

        Looks every few seconds for what people should know, and sends what rules and routes say, until SIGINT or SIGTERM: docs/alerts.md. `counterfoil schedule`
        starts it; any number may run.

        Environment: as for serve, and COUNTERFOIL_URL, where people reach the console (http://127.0.0.1:8080). In COUNTERFOIL_VAR/secrets: alerts.key, made at first use
        and the same on every host, opens the secrets of routes; mail.json, where there is one, is the operator's mail server:
        {"server": "smtps://mail.example.com", "from": "counterfoil@example.com", "user": "…", "password": "…"}.
        COUNTERFOIL_CERTIFICATES names a PEM file of authorities to trust instead of the system's.
        """
    static let options = ["parent"]
    static let flags: [String] = []

    /// What its starter hands it: nothing but where things are.
    static func environment(_ surroundings: Surroundings) -> [String] {
        ["LANG=C.UTF-8", "PATH=/usr/bin:/bin"]
            + surroundings.variables.filter { $0.key.hasPrefix("COUNTERFOIL_") && $0.key != "COUNTERFOIL_API_KEY" }.map { "\($0.key)=\($0.value)" }.sorted()
    }

    /// The operator's mail server; `nil` where there is none.
    /// - Throws: `mail_server_unreadable`.
    static func mail(_ secrets: Secrets) throws(Fault) -> MailServer? {
        secrets.has("mail.json") ? try MailServer(json: Array(try Secrets.read(secrets.path("mail.json")).utf8)) : nil
    }

    /// Whom messages may be sent to.
    static func policy(_ surroundings: Surroundings) throws(Fault) -> EgressPolicy {
        EgressPolicy(allowedHosts: HostList(try surroundings.allowedHosts()).receivers)
    }

    static func run(_ arguments: Arguments) async throws(Fault) -> Int32 {
        Services.bind(arguments)
        let surroundings = Surroundings.current
        let secrets = try Secrets(surroundings)
        let mail = try Self.mail(secrets)
        guard let raw = [UInt8](hexText: try secrets.text("alerts.key") { SystemRandom().bytes(32).hexText }) else {
            throw Fault("secret_missing", stage: .configuration, disposition: .hold, summary: "the file \(secrets.path("alerts.key")) is not a key",
                remedy: "Restore it from a backup. Where there is none, remove alerts.key alone and give the secrets of all alert routes anew.")
        }
        let configuration = AlertConfiguration(
            base: surroundings.variables["COUNTERFOIL_URL"] ?? "http://127.0.0.1:8080", key: try BoxPrivateKey(raw: Secret(raw)), mail: mail)
        let policy = try Self.policy(surroundings)
        let client = HTTPClient(policy: policy, certificatesFile: surroundings.variables["COUNTERFOIL_CERTIFICATES"])
        let log = Log(component: "notify")
        let store = Store(PostgresPool(try surroundings.database(), size: 2))
        let service = AlertService(
            configuration, store: store, client: client, clocks: SystemClocks(), random: SystemRandom(), log: log,
            metrics: Metrics())
        log.info(.started)
        // Beside the service: somebody's name server may not answer for minutes.
        let looking = Task {
            do throws(Fault) {
                for refused in try await Receivers.refused(store, mail: mail, policy: policy) { log.fault(.alertUndelivered, refused.fault) }
            } catch { log.fault(.failed, error) }
        }
        defer { looking.cancel() }
        return try await Services.run([service], log: log)
    }
}
