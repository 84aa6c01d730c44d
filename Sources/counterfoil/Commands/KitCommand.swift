internal import FoundationEssentials
internal import Kernel
internal import Wire

/// Manual posting from the shell, through the public API: docs/manual-posting.md.
enum KitCommand: Command {
    static let name = "kit"
    static let summary = "hand postings over in files that a ledger imports"
    static let help = """
        usage: counterfoil kit forms|make|list CONNECTION [--form ID] [--until DAY] [--api URL]
               counterfoil kit take|confirm|withdraw BATCH [FILE] [--copy] [--all] [--not-imported] [--api URL]

          forms CONNECTION        the files that the ledger imports
          make CONNECTION         takes what is cleared in hand, in new batches; --form ID of another form, --until DAY (2026-03-31)
          list CONNECTION         the batches, newest first
          take BATCH FILE         hands the batch over and writes its file; --copy for one more
          confirm BATCH LIST      by the ledger's own list in a file, or --all by your word; exit 1 when something differs or is missing
          withdraw BATCH          gives back what is left; --not-imported when it was handed over
          --api URL               the API (http://127.0.0.1:8080); the key is taken from COUNTERFOIL_API_KEY
        """
    static let options = ["api", "form", "until"]
    static let flags = ["copy", "all", "not-imported"]

    static func run(_ arguments: Arguments) async throws(Fault) -> Int32 {
        let words = arguments.rest
        guard words.count >= 2 else { throw usage("counterfoil kit forms|make|list CONNECTION, or take|confirm|withdraw BATCH") }
        let api = try API(arguments), id = Form.percent(words[1])
        switch (words[0], words.count) {
        case ("forms", 2):
            for form in try await api.items("/v1/connections/\(id)/forms") { say("\(text(form["id"]).padded(to: 24))\(text(form["name"]))") }
        case ("make", 2): try await make(api, id, arguments)
        case ("list", 2):
            for batch in try await api.items("/v1/connections/\(id)/batches") { say(line(batch)) }
        case ("take", 3): try await take(api, id, to: words[2], copy: arguments.flags.contains("copy"))
        case ("confirm", 2 ... 3): return try await confirm(api, id, list: words.dropFirst(2).first, all: arguments.flags.contains("all"))
        case ("withdraw", 2):
            let body: JSON = arguments.flags.contains("not-imported") ? ["not_imported": true] : [:]
            say(line(try await api.post("/v1/batches/\(id)/withdraw", body)))
        default: throw usage("counterfoil kit --help explains the words")
        }
        return 0
    }

    private static func make(_ api: API, _ id: String, _ arguments: Arguments) async throws(Fault) {
        var body: JSON = [:]
        for name in ["form", "until"] { if let value = arguments.value(name) { body = body.setting(name, .string(value)) } }
        let made = try await api.post("/v1/connections/\(id)/batches", body)
        for batch in made["batches"]?.array ?? [] {
            say("batch \(number(batch["number"])) \(text(batch["id"])): \(number(batch["postings"])) postings in \(text(batch["file_name"]))")
        }
        for left in made["left"]?.array ?? [] { say("left \(text(left["post_key"])): \(text(left["why"])). \(text(left["remedy"]))") }
        if made["batches"]?.array?.isEmpty != false { say("nothing was taken") }
    }

    private static func take(_ api: API, _ id: String, to file: String, copy: Bool) async throws(Fault) {
        guard !FileManager.default.fileExists(atPath: file) else { throw usage("\(file) is there already: say another name") }
        if !copy { _ = try await api.post("/v1/batches/\(id)/hand-over", [:]) }
        let bytes = try await api.file("/v1/batches/\(id)/file", copy ? ["copy": true] : [:])
        do { try Data(bytes).write(to: URL(filePath: file), options: .withoutOverwriting) } catch {
            throw Fault("file_not_written", stage: .configuration, disposition: .reject, summary: "\(file) can't be written",
                remedy: "Take it again with --copy.")
        }
        say("\(bytes.count) bytes in \(file)")
    }

    private static func confirm(_ api: API, _ id: String, list: String?, all: Bool) async throws(Fault) -> Int32 {
        guard (list == nil) == all else { throw usage("counterfoil kit confirm BATCH LIST, or --all") }
        var body: JSON = ["all": true]
        if let list {
            guard let data = try? Data(contentsOf: URL(filePath: list)) else { throw usage("\(list) can't be read") }
            body = ["list": .string(String(decoding: data, as: UTF8.self))]
        }
        let answer = try await api.post("/v1/batches/\(id)/confirm", body)
        let differs = answer["differs"]?.array ?? [], missing = answer["missing"]?.array ?? []
        for item in differs { say("differs \(text(item["post_key"])): \(text(item["why"]))") }
        for item in missing { say("missing \(item.string ?? "")") }
        say("\(number(answer["confirmed"])) confirmed")
        return differs.isEmpty && missing.isEmpty ? 0 : 1
    }

    private static func line(_ batch: JSON) -> String {
        let left = number(batch.member("postings", "in_hand"))
        return "batch \(number(batch["number"])) \(text(batch["id"])) \(text(batch["state"])) \(text(batch["form"])), \(left) in hand"
    }

    private static func text(_ json: JSON?) -> String { json?.string ?? "" }
    private static func number(_ json: JSON?) -> String { json?.int.map { "\($0)" } ?? "0" }
}
