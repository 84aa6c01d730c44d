import Glibc
@testable import HTTPServer
import Kernel
import Testing

@Suite("what a process may open")
struct DescriptorTests {
    @Test("connections leave 256 descriptors for the rest, where there are few half of them", arguments: [
        (65_536, 65_280), (4_352, 4_096), (1_024, 768), (512, 256), (300, 150), (64, 32),
    ])
    func share(_ descriptors: Int, _ connections: Int) {
        #expect(Descriptors.connections(of: descriptors) == connections)
    }

    /// In a process of its own: the limit is the process's.
    @Test("a server holds no more connections than the process may open; the limit is raised to the hard one, which stays")
    func raised() async {
        await #expect(processExitsWith: .success) {
            let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
            var limit = rlimit()
            guard getrlimit(resource, &limit) == 0 else { exit(2) }
            limit.rlim_max = min(limit.rlim_max, 6_000)
            limit.rlim_cur = 512
            guard setrlimit(resource, &limit) == 0 else { exit(3) }
            guard Descriptors.most == 512, try HTTPServer(HTTPServerConfiguration(), handler: mirror).configuration.maxConnections == 256 else { exit(4) }
            let hard = limit.rlim_max
            Descriptors.raise()
            guard getrlimit(resource, &limit) == 0, limit.rlim_cur == hard, limit.rlim_max == hard else { exit(5) }
            let room = min(Limits.serverConnections, Int(hard) - 256)
            guard try HTTPServer(HTTPServerConfiguration(), handler: mirror).configuration.maxConnections == room else { exit(6) }
            var few = HTTPServerConfiguration()
            few.maxConnections = 2
            guard try HTTPServer(few, handler: mirror).configuration.maxConnections == 2 else { exit(7) }
            exit(0)
        }
    }
}
