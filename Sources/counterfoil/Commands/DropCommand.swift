internal import Drop
internal import Kernel
internal import Wire

/// One pass over a drop folder, for a timer.
enum DropCommand: Command {
    static let name = "drop"
    static let summary = "send the files that other systems put into a folder"
    static let help = """
        usage: counterfoil drop [--folder PATH] [--api URL]

        Looks once at PATH/CONNECTION/in (COUNTERFOIL_DROP where --folder is absent) and sends each file to POST /v1/connections/CONNECTION/files. What was
        taken goes to done, what was refused to failed, each with a report beside it; what nobody answered for stays. Run it by a timer. The name begins with
        the layout: invoice-2026-11-12.csv. The key is COUNTERFOIL_API_KEY, with the scope write. Exit status 1 when a file failed or waits for an answer.
        """
    static let options = ["folder", "api"]
    static let flags: [String] = []

    static func run(_ arguments: Arguments) async throws(Fault) -> Int32 {
        guard let folder = arguments.value("folder") ?? Surroundings.current.variables["COUNTERFOIL_DROP"], !folder.isEmpty else {
            throw usage("name the folder by --folder or COUNTERFOIL_DROP")
        }
        let api = try API(arguments)
        let drop = DropFolder(folder) { connection, layout, bytes in
            await api.file("/v1/connections/\(connection)/files?layout=\(layout)", bytes, type: "text/csv")
        }
        let outcomes = try await drop.pass(now: SystemClocks().now())
        for outcome in outcomes { say("\(outcome.fate.rawValue.padded(to: 8))\(outcome.connection)/\(outcome.name): \(outcome.words)") }
        return outcomes.allSatisfy { $0.fate == .done || $0.words == DropFolder.young } ? 0 : 1
    }
}
