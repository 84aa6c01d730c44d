import FoundationEssentials
import Glibc
import Kernel
import Postgres
import TestKit
import Testing
import Wire

@testable import ControlPlane

/// The page that senders read, tried as they try it: in a shell.
@Suite("docs/inbound.md") struct InboundPageTests {
    private static let checkout: URL = {
        var folder = URL(filePath: #filePath).resolvingSymlinksInPath()
        for _ in 0 ..< 3 { folder.deleteLastPathComponent() }
        return folder
    }()

    /// The page's blocks of a language, in their order.
    private func blocks(_ language: String) throws -> [String] {
        let page = String(decoding: try Data(contentsOf: Self.checkout.appending(path: "docs/inbound.md")), as: UTF8.self)
        return page.split(separator: "```\(language)\n", omittingEmptySubsequences: false).dropFirst().map { rest in
            String(rest[..<(rest.firstRange(of: "```")?.lowerBound ?? rest.endIndex)])
        }
    }

    /// What the shell printed.
    private func shell(_ script: String, in folder: URL, _ variables: [(String, String)]) async -> String {
        let settings = variables.map { "export \($0.0)='\($0.1)'\n" }.joined()
        let whole = "cd '\(folder.path)' || exit 1\n\(settings)\(script)"
        return await withCheckedContinuation { continuation in
            Thread.start {
                var text: [UInt8] = []
                if let pipe = popen(whole, "r") {
                    var buffer = [UInt8](repeating: 0, count: 4_096)
                    while case let count = fread(&buffer, 1, buffer.count, pipe), count > 0 { text += buffer[..<count] }
                    pclose(pipe)
                }
                continuation.resume(returning: String(decoding: text, as: UTF8.self))
            }
        }
    }

    @Test("every command on the page does what the page says: connect, give the secret, deliver, send events, send a file") func commands() async throws {
        let bench = try await Bench.make()
        let tenant = try await bench.tenant()
        let server = Task { try await bench.plane.run() }
        let folder = FileManager.default.temporaryDirectory.appending(path: "counterfoil-page-\(UInt64.random(in: 0 ... .max))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for name in ["payment.json", "invoice.json"] {
            let example = Self.checkout.appending(path: "docs/schemas/examples/\(name)")
            try Data(contentsOf: example).write(to: folder.appending(path: name))
        }
        try Data(try #require(try blocks("csv").first).utf8).write(to: folder.appending(path: "invoice-2026-11-12.csv"))
        var variables = [
            ("URL", "http://127.0.0.1:\(bench.plane.port)"), ("TENANT", tenant.id.description), ("KEY", bench.key), ("ADMIN_KEY", bench.key),
            ("SECRET", "0f3c6a1be5d94c27"), ("no_proxy", "127.0.0.1"),
        ]
        let commands = try blocks("sh")
        #expect(commands.count == 5)
        var answers: [JSON] = []
        for command in commands {
            let text = await shell(command, in: folder, variables)
            let answer = try #require(try? JSON(parsing: Array(text.utf8)), "\(command) printed \(text)")
            #expect(answer["code"] == nil, "\(command) printed \(text)")
            if answers.isEmpty { variables.append(("CONNECTION", answer["id"]?.string ?? "")) }
            answers.append(answer)
        }
        server.cancel()
        _ = try? await server.value
        guard answers.count == 5 else { return }
        #expect(answers[2] == [:])
        // The payment came by webhook before.
        #expect([answers[3]["accepted"], answers[3]["duplicate"], answers[3]["refused"]] == [1, 1, 0])
        #expect([answers[4]["documents"], answers[4]["accepted"]] == [1, 1])
        #expect(try await bench.count("SELECT count(*) FROM app.events") == 3)
        try FileManager.default.removeItem(at: folder)
    }
}
